"""Docker containers and networks that live as long as a `with` block, labelled so that what a killed run left is found.

The Engine is the real one, through its SDK; only image builds go through the docker program (`tasks/images`).
"""

from tasks.containers.commands import Ended as Ended
from tasks.containers.commands import run_command as run_command
from tasks.containers.conversation import Conversing as Conversing
from tasks.containers.conversation import conversing as conversing
from tasks.containers.database import Database as Database
from tasks.containers.database import postgres as postgres
from tasks.containers.engine import RUN_LABEL as RUN_LABEL
from tasks.containers.engine import engine as engine
from tasks.containers.engine import have as have
from tasks.containers.engine import run_id as run_id
from tasks.containers.leftovers import labelled_runs as labelled_runs
from tasks.containers.leftovers import remove_leftovers as remove_leftovers
from tasks.containers.lifetime import running as running
from tasks.containers.network import private_network as private_network
from tasks.containers.watch import Breach as Breach
from tasks.containers.watch import Watch as Watch
from tasks.containers.watch import size as size

"""One customer's trouble is that customer's sight and nobody else's."""

import logging
from collections.abc import Callable

from tasks.errors import ServiceUnavailable, SlipwayError
from tasks.rollout.answers import NotThere
from tasks.rollout.sight import Sight, Waiting, told

log = logging.getLogger(__name__)
MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def sight_of(customer: str, look: Callable[[], Sight]) -> Sight:
    """What the look says of a customer, also where it raises. An answer without its usual fields is a server's trouble."""
    try:
        return look()
    except NotThere as error:
        where = f" ({error.reasons[0].where})" if error.reasons[0].where else ""
        return Waiting(f"{error.reasons[0].what}{where}", missing=True)
    except SlipwayError as error:
        return error
    except MALFORMED as error:
        log.warning("%s: an answer of a form that is not known", customer, exc_info=True)
        return ServiceUnavailable.because(
            f"an answer of a form that is not known ({type(error).__name__}: {told(error)})"
        )

"""What this release needs of a database: `python -m shop.smoke` reads and writes as the API does, on DATABASE_URL.

Slipway runs it with the image that a customer runs, on the schema that a newer release makes.
"""

from shop.database import Order, Session


def main() -> None:
    with Session() as session:
        order = Order(item="smoke", quantity=2)
        session.add(order)
        session.commit()
        session.refresh(order)
        order.done = True
        session.commit()
        assert session.get(Order, order.id).done  # noqa: S101 - this is a test
        session.delete(order)
        session.commit()


if __name__ == "__main__":
    main()

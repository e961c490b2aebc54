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
        if not session.get(Order, order.id).done:
            raise SystemExit("an order that was ticked off is open")
        session.delete(order)
        session.commit()


if __name__ == "__main__":
    main()

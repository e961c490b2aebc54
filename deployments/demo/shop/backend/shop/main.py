"""The API: orders can be listed, added and ticked off."""

import os

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select, text

from shop.database import Order, Session

app = FastAPI(title="Shop")


class NewOrder(BaseModel):
    item: str = Field(min_length=1, max_length=200)
    quantity: int = Field(default=1, ge=1, le=1000)


class Tick(BaseModel):
    done: bool


class OrderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    item: str
    quantity: int
    done: bool


@app.get("/health")
def health() -> dict[str, str]:
    with Session() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ok"}


@app.get("/api/version")
def version() -> dict[str, str]:
    return {"component": "backend", "commit": os.environ.get("COMMIT", "unknown")}


@app.get("/api/orders")
def orders() -> list[OrderOut]:
    with Session() as session:
        return [OrderOut.model_validate(o) for o in session.scalars(select(Order).order_by(Order.id))]


@app.post("/api/orders", status_code=201)
def add(new: NewOrder) -> OrderOut:
    with Session.begin() as session:
        order = Order(item=new.item, quantity=new.quantity)
        session.add(order)
        session.flush()
        session.refresh(order)
        return OrderOut.model_validate(order)


@app.patch("/api/orders/{order_id}")
def tick(order_id: int, change: Tick) -> OrderOut:
    with Session.begin() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise HTTPException(404, f"there is no order {order_id}")
        order.done = change.done
        session.flush()
        return OrderOut.model_validate(order)

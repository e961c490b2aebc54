from fastapi.testclient import TestClient


def test_an_order_is_added_and_listed(client: TestClient) -> None:
    added = client.post("/api/orders", json={"item": "rope", "quantity": 3})
    assert added.status_code == 201
    assert client.get("/api/orders").json() == [{"id": 1, "item": "rope", "quantity": 3, "done": False}]


def test_an_order_is_ticked_off(client: TestClient) -> None:
    order = client.post("/api/orders", json={"item": "rope"}).json()
    assert client.patch(f"/api/orders/{order['id']}", json={"done": True}).json()["done"] is True
    assert client.get("/api/orders").json()[0]["done"] is True


def test_an_order_that_is_not_there_cannot_be_ticked_off(client: TestClient) -> None:
    assert client.patch("/api/orders/99", json={"done": True}).status_code == 404


def test_an_order_without_an_item_is_refused(client: TestClient) -> None:
    assert client.post("/api/orders", json={"item": ""}).status_code == 422


def test_the_version_and_health_are_answered(client: TestClient) -> None:
    assert client.get("/api/version").json()["component"] == "backend"
    assert client.get("/health").json() == {"status": "ok"}

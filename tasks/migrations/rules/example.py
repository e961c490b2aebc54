"""The tables that the rules' examples run on."""

SQL = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE customers (id int PRIMARY KEY, email text CONSTRAINT customers_email UNIQUE);
CREATE TABLE orders (id int PRIMARY KEY, note varchar(50), customer int, state text NOT NULL DEFAULT 'open', feeling mood);
CREATE TABLE lines (order_id int CONSTRAINT lines_order REFERENCES orders ON DELETE CASCADE);
CREATE INDEX orders_state ON orders (state);
CREATE VIEW customer_ids AS SELECT id FROM customers;
CREATE MATERIALIZED VIEW totals AS SELECT customer, count(*) AS orders FROM orders GROUP BY customer;
CREATE UNIQUE INDEX totals_customer ON totals (customer);
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER orders_stamp BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE visits (day date NOT NULL, page text) PARTITION BY RANGE (day);
CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE visits_rest PARTITION OF visits DEFAULT;
GRANT SELECT ON orders TO PUBLIC;
"""

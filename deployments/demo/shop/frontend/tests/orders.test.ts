import { describe, expect, it } from "vitest";
import { parse, summary, type Order } from "../lib/orders";

const order = (id: number, done: boolean): Order => ({ id, item: "rope", quantity: 1, done });

describe("summary", () => {
  it("says when there is nothing", () => expect(summary([])).toBe("No orders yet"));
  it("counts what is left", () => expect(summary([order(1, true), order(2, false)])).toBe("1 of 2 to do"));
  it("says when all is done", () => expect(summary([order(1, true)])).toBe("All done"));
});

describe("parse", () => {
  it("reads a quantity in front", () => expect(parse("3 rope")).toEqual({ item: "rope", quantity: 3 }));
  it("takes one without it", () => expect(parse(" anchor chain ")).toEqual({ item: "anchor chain", quantity: 1 }));
  it("refuses nothing", () => expect(parse("  ")).toBeNull());
});

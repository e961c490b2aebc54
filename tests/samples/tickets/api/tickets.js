// What a ticket is; null when the text is no ticket.
export function ticket(body) {
  const title = typeof body?.title === "string" ? body.title.trim() : "";
  return title ? { title: title.slice(0, 200) } : null;
}

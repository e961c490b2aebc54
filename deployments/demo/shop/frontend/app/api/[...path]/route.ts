import type { NextRequest } from "next/server";

const BACKEND_SECONDS = 10;

/** Passes /api/* on to the backend that this customer's environment names at run time. */
async function pass(request: NextRequest, { params }: { params: Promise<{ path: string[] }> }) {
  const path = (await params).path.map(encodeURIComponent).join("/");
  const target = `${process.env.BACKEND_URL ?? "http://backend:8000"}/api/${path}${request.nextUrl.search}`;
  const body = request.method === "GET" ? undefined : await request.text();
  try {
    const answer = await fetch(target, {
      method: request.method,
      headers: { "Content-Type": request.headers.get("Content-Type") ?? "application/json" },
      body,
      cache: "no-store",
      signal: AbortSignal.timeout(BACKEND_SECONDS * 1000),
    });
    const type = answer.headers.get("Content-Type") ?? "application/json";
    return new Response(await answer.text(), { status: answer.status, headers: { "Content-Type": type } });
  } catch {
    return Response.json({ detail: "the backend does not answer" }, { status: 502 });
  }
}

export { pass as GET, pass as PATCH, pass as POST };

export const dynamic = "force-dynamic";

export function GET() {
  return Response.json({ component: "frontend", commit: process.env.COMMIT ?? "unknown" });
}

"""`/livez`, `/readyz` and `/metrics`: what an orchestrator and Prometheus ask a worker, with the reason when it is no.

Bodies are JSON: `{"ok": false, "because": ["state: restoring partitions 3, 5"]}`; status 200 or 503.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from services.runtime.metrics import Metrics
from services.runtime.vitals import Health, Vitals, liveness, readiness


def application(
    vitals: Vitals, metrics: Metrics, registry: CollectorRegistry, *, patience_s: float, monotonic: Callable[[], float]
) -> web.Application:
    """The app; `monotonic` gives the seconds that `vitals.beat_at` is written in."""

    async def livez(_: web.Request) -> web.Response:
        return _answer(liveness(vitals, now=monotonic(), patience_s=patience_s))

    async def readyz(_: web.Request) -> web.Response:
        return _answer(readiness(vitals))

    async def show_metrics(request: web.Request) -> web.Response:
        metrics.set("baton_ready", float(readiness(vitals).ok))
        metrics.set("baton_heartbeat_age_seconds", monotonic() - (vitals.beat_at or monotonic()))
        metrics.set("baton_partitions", len(vitals.assigned or ()))
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/healthz", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", show_metrics)
    return app


def _answer(health: Health) -> web.Response:
    body = {"ok": health.ok, "because": list(health.because)}
    return web.json_response(body, status=200 if health.ok else 503, headers={"Cache-Control": "no-store"})

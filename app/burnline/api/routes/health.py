"""Whether the process is alive, and whether it has something to answer from."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from burnline.api.problems import responses
from burnline.api.view.generation import WithKeys

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process is well."""

    status: Literal["ok"] = Field("ok", description="Always ok: what is not well is a problem.", examples=["ok"])


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Answers as long as the event loop turns; nothing else is asked."""
    return Health()


@router.get("/readyz", summary="Is there something to answer from?", responses=responses(503))
async def readyz(_: WithKeys) -> Health:
    """Ready once Redis answers and holds a whole projection; 503 with the reason otherwise."""
    return Health()

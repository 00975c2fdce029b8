"""Microsoft Graph's client, pointed at a server."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import httpx
from azure.core.credentials import AccessToken

with warnings.catch_warnings():
    # the client uses what its own library calls deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kiota_authentication_azure.azure_identity_authentication_provider import (
        AzureIdentityAuthenticationProvider,
    )
    from msgraph import GraphServiceClient
    from msgraph.graph_request_adapter import GraphRequestAdapter


def run_with_graph(address: str, authority: str, program: Any, work: Callable[[Any], Awaitable[Any]]) -> Any:
    """What is done with a client of some program."""

    async def asked() -> Any:
        async with _client(address, authority, program) as one:
            return await work(one)

    # in a thread of its own: that of the browser's tests may have a loop
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(asked())).result()


@asynccontextmanager
async def _client(address: str, authority: str, program: Any) -> AsyncIterator[Any]:
    token = program.credential.get_token(*program.scopes)

    class Known:
        def get_token(self, *_: Any, **__: Any) -> AccessToken:
            return AccessToken(token.token, token.expires_on)

    host = address.partition("//")[2].partition(":")[0]
    provider = AzureIdentityAuthenticationProvider(Known(), scopes=program.scopes, allowed_hosts=[host])
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=authority)) as http:
        adapter = GraphRequestAdapter(provider, http)
        adapter.base_url = f"{address}/v1.0"
        yield GraphServiceClient(request_adapter=adapter)

"""Which proxy the environment names for an address. Loads nothing where it names none."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit


def proxy_of(base_url: str) -> str | None:
    """The proxy that HTTPS_PROXY or HTTP_PROXY names for an address, or None where there is none, NO_PROXY holds the
    host, or the host is this machine."""
    if not any(name.lower() in ("http_proxy", "https_proxy") for name in os.environ):
        return None
    import urllib.request

    parts = urlsplit(base_url)
    named = urllib.request.getproxies_environment()
    proxy = named.get(parts.scheme)
    if not proxy or _is_here(parts.hostname or "") or _is_bypassed(parts.netloc, named):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_bypassed(netloc: str, named: dict[str, str]) -> bool:
    import urllib.request

    bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks its second argument
    return bool(bypass(netloc.rpartition("@")[2], named))


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")

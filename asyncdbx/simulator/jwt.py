"""Tokens that look like the real ones: three parts, the middle one readable by anybody."""

from base64 import urlsafe_b64encode
from random import Random

import orjson

from asyncdbx.simulator.call import Json

_HEADER = orjson.dumps({"alg": "RS256", "kid": "simulated", "typ": "at+jwt"})


def jwt(claims: Json, random: Random) -> str:
    """Return a token that says ``claims``; its signature is random, so no two are alike."""
    parts = (_HEADER, orjson.dumps(claims), random.randbytes(32))
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def lifetime(now: float, seconds: float) -> Json:
    """Return the claims of when a token begins and ends; ``now`` is in epoch seconds."""
    return {"iat": int(now), "exp": int(now + seconds)}

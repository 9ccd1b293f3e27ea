# boto3 ships no types; this states the part of it that diptych.adapters.tile_bucket uses.
from typing import Any

def client(service_name: str, **settings: object) -> Any: ...  # built from a service description at run time

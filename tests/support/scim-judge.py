"""Holds a SCIM server against RFC 7643 and RFC 7644 with scim2-tester, which is not ours. Prints what it found as JSON."""

import json
import sys
import uuid

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server, filling

# What a schema cannot say: we know people by an e-mail address.
random_value = filling.generate_random_value


def possible_value(context, path, *args, **kwargs):
    value = random_value(context, path, *args, **kwargs)
    if value is None:
        return None
    if str(path).endswith("userName"):
        return f"{uuid.uuid4()}@example.com"
    return value


for module in list(sys.modules.values()):
    if getattr(module, "generate_random_value", None) is random_value:
        module.generate_random_value = possible_value

url, token = sys.argv[1:3]
http = Client(base_url=url, headers={"Authorization": f"Bearer {token}"})
scim = SyncSCIMClient(http)
scim.discover()
print(
    json.dumps(
        [
            {"status": result.status.name, "title": result.title, "reason": result.reason, "type": result.resource_type}
            for result in check_server(scim)
        ]
    )
)

# redis-py on muster's RESP port: what it reads of one context.
import json
import os

import redis

scheme = "rediss" if os.environ.get("RESP_TLS") else "redis"
options = {"ssl_cert_reqs": None} if scheme == "rediss" else {}
address = "{}://:{}@{}:{}".format(scheme, os.environ["COMPAT_SDK_KEY"], os.environ["RESP_HOST"], os.environ["RESP_PORT"])
client = redis.Redis.from_url(address, **options)
segments = client.hgetall("app:segments")
print(json.dumps({
    "name": "redis-py " + redis.__version__,
    "members": [m.decode() for m in client.smembers(os.environ["COMPAT_KEY"])],
    "synchronizedOn": int(client.get("app:big_segments_synchronized_on")),
    "generation": json.loads(segments[b"vip"])["generation"],
    "inited": client.exists("app:$inited"),
}))

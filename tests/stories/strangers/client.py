"""A watcher by Python's websockets: URL, event. Prints each message that matters."""

import asyncio
import json
import sys

import websockets


async def main(url, event):
    protocols = ["parterre.v1.json"]
    async with websockets.connect(url, subprotocols=protocols) as socket:
        print(socket.subprotocol, flush=True)
        await socket.send(json.dumps({"op": "subscribe", "event": event}))
        seen = set()
        while "delta" not in seen:
            message = json.loads(await socket.recv())
            if message["op"] in ("snapshot", "delta") and message["op"] not in seen:
                seen.add(message["op"])
                print(message["op"], message.get("states") or message["changes"]["p"], flush=True)
        await (await socket.ping(b"are you there"))
        print("pong", flush=True)
    print("closed", socket.close_code, flush=True)


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 60))

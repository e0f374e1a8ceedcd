"""A watcher by Python's websockets: URL, event, subprotocol, the subscription in
MessagePack as hexadecimal digits. Prints each message that matters; a binary one as
hexadecimal digits, for whoever can read it."""

import asyncio
import json
import sys

import websockets


def read(frame):
    """A message's op, and what is to be said of it."""
    if isinstance(frame, bytes):
        ops = [op for op in ("snapshot", "delta") if op.encode() in frame]
        return (ops or [None])[0], "frame " + frame.hex()
    message = json.loads(frame)
    said = message.get("states") or message.get("changes", {}).get("p")
    return message["op"], f"{message['op']} {said}"


async def main(url, event, subprotocol, packed):
    async with websockets.connect(url, subprotocols=[subprotocol]) as socket:
        print(socket.subprotocol, flush=True)
        subscribe = json.dumps({"op": "subscribe", "event": event})
        await socket.send(bytes.fromhex(packed) if "msgpack" in subprotocol else subscribe)
        seen = set()
        while "delta" not in seen:
            op, said = read(await socket.recv())
            if op in ("snapshot", "delta") and op not in seen:
                seen.add(op)
                print(said, flush=True)
        await (await socket.ping(b"are you there"))
        print("pong", flush=True)
    print("closed", socket.close_code, flush=True)


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 60))

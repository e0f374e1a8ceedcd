// A watcher by npm's ws: URL, event, subprotocol, the subscription in MessagePack as
// hexadecimal digits. Prints each message that matters; a binary one as hexadecimal
// digits, for whoever can read it.
const WebSocket = require("ws");

const [url, event, subprotocol, packed] = process.argv.slice(2);
const socket = new WebSocket(url, [subprotocol]);
const seen = new Set();
setTimeout(() => process.exit(3), 60_000).unref();

// A message's op, and what is to be said of it.
function read(data, isBinary) {
  if (isBinary) {
    return [["snapshot", "delta"].find((op) => data.includes(op)), `frame ${data.toString("hex")}`];
  }
  const message = JSON.parse(data);
  const said = message.op === "delta" ? `[${message.changes.p.join(", ")}]` : message.states;
  return [message.op, `${message.op} ${said}`];
}

socket.on("open", () => {
  console.log(socket.protocol);
  const subscribe = JSON.stringify({ op: "subscribe", event });
  socket.send(subprotocol.includes("msgpack") ? Buffer.from(packed, "hex") : subscribe);
});
socket.on("message", (data, isBinary) => {
  const [op, said] = read(data, isBinary);
  if (!["snapshot", "delta"].includes(op) || seen.has(op)) return;
  seen.add(op);
  console.log(said);
  if (op === "delta") socket.ping("are you there");
});
socket.on("pong", () => {
  console.log("pong");
  socket.close(1000);
});
socket.on("close", (code) => console.log("closed", code));

// A watcher by npm's ws: URL, event. Prints each message that matters.
const WebSocket = require("ws");

const [url, event] = process.argv.slice(2);
const socket = new WebSocket(url, ["parterre.v1.json"]);
const seen = new Set();
setTimeout(() => process.exit(3), 60_000).unref();

socket.on("open", () => {
  console.log(socket.protocol);
  socket.send(JSON.stringify({ op: "subscribe", event }));
});
socket.on("message", (data) => {
  const message = JSON.parse(data);
  if (!["snapshot", "delta"].includes(message.op) || seen.has(message.op)) return;
  seen.add(message.op);
  const said = message.op === "snapshot" ? message.states : `[${message.changes.p.join(", ")}]`;
  console.log(message.op, said);
  if (message.op === "delta") socket.ping("are you there");
});
socket.on("pong", () => {
  console.log("pong");
  socket.close(1000);
});
socket.on("close", (code) => console.log("closed", code));

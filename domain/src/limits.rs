//! Every bound of the engine, in one place.
//!
//! What is checked against FoundationDB's own limits holds on every store, so that what
//! runs on one runs on all: <https://apple.github.io/foundationdb/known-limitations.html>.
//!
//! What a client or an administrator meets is marked `// README`: a test holds the table
//! there to it.

use std::num::NonZeroU32;
use std::time::Duration;

/// Tickets of one event.
pub const TICKETS_PER_EVENT: u32 = 200_000; // README
/// Bytes of an upload of tickets.
pub const UPLOAD_BYTES: usize = 64 << 20; // README
/// Errors that an answer lists when an upload has many.
pub const UPLOAD_ERRORS: usize = 100; // README
/// Bytes of one ticket as comma-separated values.
pub const CSV_RECORD_BYTES: usize = 64 << 10;
/// Uploads of tickets that a core has at once, from the first byte of a body to the commit
/// of its tickets: each takes its whole body in memory, and more while it is parsed.
pub const UPLOADS_AT_ONCE: usize = 2; // README
/// How often an upload tries to get one chunk into a full lane; it pauses
/// [`SWEEP_INTERVAL`] in between.
pub const UPLOAD_TRIES: u32 = 120;
/// Bytes of any other request body.
pub const BODY_BYTES: usize = 64 << 10; // README
/// Uploads that one draft may be made of.
pub const UPLOADS_PER_EVENT: usize = 100; // README
/// Bytes of one stored chunk of a layout.
pub const CHUNK_BYTES: usize = 64 << 10;
/// Tickets that one command may write.
pub const TICKETS_PER_COMMAND: usize = 5_000; // README
/// Bytes of an event's record; with room in [`VALUE_BYTES`] for what a record of the log
/// says beside it.
pub const EVENT_BYTES: usize = 90_000;
/// Most tickets that any event lets one reservation hold.
pub const MAX_TICKETS: u16 = 100; // README
/// Tickets a reservation holds at most when the administrator says nothing.
pub const DEFAULT_MAX_TICKETS: u16 = 10; // README
/// Seconds that a reservation holds its tickets when the administrator says nothing.
pub const DEFAULT_HOLD_SECONDS: u32 = 600; // README
/// The range that an administrator may choose a hold from, in seconds.
pub const HOLD_SECONDS: std::ops::RangeInclusive<u32> = 10..=86_400; // README
/// Tiers of one event.
pub const TIERS_PER_EVENT: usize = 100; // README
/// Sections of one event.
pub const SECTIONS_PER_EVENT: usize = 5_000; // README
/// Characters of a tier's id.
pub const ID_CHARS: usize = 64; // README
/// Characters of a title, venue, city, category, name, section, row or seat.
pub const NAME_CHARS: usize = 200; // README
/// Characters of the name of an administrator's token.
pub const TOKEN_NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=64; // README
/// Characters of a description.
pub const DESCRIPTION_CHARS: usize = 10_000; // README
/// Characters of a URL or an e-mail address.
pub const URL_CHARS: usize = 2_000; // README
/// The highest price of a ticket, in minor units.
pub const PRICE_MAX: i64 = 1_000_000_000; // README

/// Events in one page of a list.
pub const EVENTS_PER_PAGE: usize = 100; // README
/// Events in a page when the client says nothing.
pub const DEFAULT_EVENTS_PER_PAGE: usize = 20; // README
/// How long an entry of the audit trail is kept: the next one drops what is older.
pub const AUDIT_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// Entries of a reservation's timeline that are shown; its life has far fewer.
pub const TIMELINE_ENTRIES: usize = 100;
/// Hours that the sales of an event are listed by.
pub const SALES_HOURS: usize = 10_000;
/// Tickets in one page of a list.
pub const TICKETS_PER_PAGE: usize = 1_000; // README
/// Tickets in a page when the client says nothing.
pub const DEFAULT_TICKETS_PER_PAGE: usize = 100; // README

/// Events on either side of an event's date that may resemble it.
pub const SIMILAR_LOOKED_AT: usize = 1_024;

/// Bytes of a key in the store.
pub const KEY_BYTES: usize = 10_000;
/// Bytes of a value in the store.
pub const VALUE_BYTES: usize = 100_000;
/// Bytes that one transaction may write; a tenth of what FoundationDB takes.
pub const TRANSACTION_BYTES: usize = 1_000_000;
/// Commands of one batch.
pub const COMMANDS_PER_BATCH: usize = 512;
/// Bytes of the commands of one batch.
pub const BATCH_BYTES: usize = 256 << 10;
/// Commands that may wait in one lane.
pub const LANE_QUEUE: usize = 8_192; // README
/// Pieces of bulk work that may wait in one lane.
pub const BULK_QUEUE: usize = 256;
/// Batches that a core has under way at once on FoundationDB.
pub const FDB_LANES: u8 = 4;
/// Entries that a copy of a store holds in memory at once, from each of the two.
pub const COPIED_AT_ONCE: usize = 500;
/// Reads of one snapshot that are under way at once.
pub const READS_AT_ONCE: usize = 64;
/// How long a read of a store that is elsewhere may take.
pub const STORE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a command may be tried.
pub const COMMAND_DEADLINE: Duration = Duration::from_secs(5); // README
/// How long a process that ends waits for its tasks, after the time to drain.
pub const LAST_WORK: Duration = Duration::from_millis(500);
/// How long a caller waits for a command's outcome before it is said to be unknown: longer
/// than a command may be tried, shorter than an edge waits for a core.
pub const ANSWER_PATIENCE: Duration = Duration::from_millis(5_500);
/// How often a batch is decided anew because a rule asked for more records.
pub const LOAD_PASSES: usize = 8;
/// Tickets of the events that a lane keeps arranged for planning; some ten bytes a ticket.
pub const PLANNED_TICKETS: u64 = 1_000_000;
/// Tickets of the layouts that a core keeps in memory; some hundred bytes a ticket.
pub const LAYOUT_TICKETS: u64 = 1_000_000;
/// Bytes of the log that a lane reads at once to catch up.
pub const CATCH_UP_BYTES: usize = 4 << 20;
/// How often a lane reads so much before it rather loads anew what it plans with.
pub const CATCH_UP_READS: usize = 4;
/// Entries of a range that are read at once.
pub const ROWS_PER_READ: usize = 10_000;
/// Hexadecimal digits of a cursor that names a key.
pub const CURSOR_DIGITS: usize = 1_022;
/// Bytes of the embedded store that are kept in memory.
pub const STORE_CACHE_BYTES: usize = 256 << 20;
/// How often a plan of best available tickets is remade after losing a race.
pub const REPLANS: usize = 3;

/// How long an idempotency record outlives what it remembers.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 3600); // README
/// Characters of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_CHARS: std::ops::RangeInclusive<usize> = 16..=255; // README
/// Tickets of an upload that waits for the creation window beyond it.
pub const TICKETS_AT_ANY_HOUR: usize = 1_000; // README
/// Bytes of a ticket's pass that is to be verified.
pub const PASS_BYTES: usize = 4 << 10; // README
/// How long a staged upload is kept that no event took up.
pub const UPLOAD_KEPT: Duration = Duration::from_secs(3600);
/// How long a reservation may be pending past its expiry while a core runs.
pub const EXPIRY_SLACK: Duration = Duration::from_secs(2);
/// Hours of a creation window that is suggested.
pub const SUGGESTED_HOURS: u16 = 4;
/// How many days of purchases a suggested creation window rests on, at most.
pub const SUGGESTION_DAYS: u64 = 28;
/// How long a time of purchases a suggested creation window rests on, at least.
pub const SUGGESTION_LEAST: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long tickets of an open checkout stay pending past their expiry while the
/// payment provider can't be reached.
pub const SETTLE_GRACE: Duration = Duration::from_secs(600); // README
/// How long until the provider is asked again whether a checkout is closed.
pub const SETTLE_RETRY: Duration = Duration::from_secs(2);
/// Reservations that one step of cancelling looks at; it ends what one commit takes.
pub const RESERVATIONS_PER_STEP: usize = 1_000;
/// Bytes that it may write, roughly: sales share its transaction and wait for it.
pub const STEP_BYTES: usize = 384 << 10;
/// How long until a call to the payment provider that failed is made again; doubles with
/// each attempt up to [`OUTBOX_RETRY_MAX`].
pub const OUTBOX_RETRY: Duration = Duration::from_secs(1);
/// The longest time between two attempts of a call to the payment provider.
pub const OUTBOX_RETRY_MAX: Duration = Duration::from_secs(600);
/// How long a payment provider may take to answer a call.
pub const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);
/// How far the time of a webhook's signature may be from ours; Stripe's own default.
pub const WEBHOOK_AGE: Duration = Duration::from_secs(300); // README
/// How late the sandbox provider tells of a payment when asked to be late.
pub const SANDBOX_LATE: Duration = Duration::from_secs(5);
/// How long until the sandbox provider tries a webhook again that nobody took.
pub const SANDBOX_RETRY: Duration = Duration::from_secs(1);
/// How often the sandbox provider tries a webhook.
pub const SANDBOX_ATTEMPTS: u32 = 3_600;
/// Shards of the due index.
pub const DUE_SHARDS: u8 = 16;
/// How often every core sweeps the due index.
pub const SWEEP_INTERVAL: Duration = Duration::from_millis(250);
/// Due entries that one sweep looks at in one shard.
pub const DUE_READ_PER_SWEEP: usize = 16_384;
/// Due entries that one sweep takes from one shard, or reads at once.
pub const DUE_PER_SWEEP: usize = 256;
/// How far a core's clock may be from the store's newest commit before it won't start.
pub const CLOCK_SKEW: Duration = Duration::from_millis(250);

/// Connections that a core serves at once.
pub const CONNECTIONS_PER_CORE: usize = 4_096; // README
/// How long an administrator may take to send an upload of tickets.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600); // README
/// How long a client may take to send any other body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(60); // README
/// How long the store may take to answer when operators ask whether the core is ready.
pub const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// Entries of the due index that one core works off at once.
pub const SWEEPS_AT_ONCE: usize = 512;
/// Those that ask a payment provider, apart: one that hangs holds up no other entry.
pub const PROVIDER_SWEEPS_AT_ONCE: usize = 128;
/// Entries that only tidy up, apart as well; they leave room in the lanes for uploads.
pub const TIDYING_SWEEPS_AT_ONCE: usize = 128;
/// Entries that a list looks at for one page before it says where to go on.
pub const ROWS_PER_PAGE: usize = 2_000;
/// Stretches of the log that trimming tells apart: it may keep one too many.
pub const TRIM_STRETCHES: u32 = 512;
/// How often the log is trimmed.
pub const TRIM_INTERVAL: Duration = Duration::from_secs(60);

/// How long the log is kept.
pub const LOG_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Bytes of the log that are kept at most.
pub const LOG_BYTES: u64 = 1 << 30;
/// Records of the log that one commit of the trimmer drops.
pub const TRIMMED_RECORDS: usize = 256;
/// Bytes of records in one frame of the feed.
pub const FEED_FRAME_BYTES: usize = 1 << 20;
/// Records that a core keeps in memory for edges that resume.
pub const FEED_RING_RECORDS: usize = 16_384;
/// Bytes of records that a core keeps in memory for edges that resume.
pub const FEED_RING_BYTES: usize = 64 << 20;
/// Edges that one core feeds.
pub const FEED_EDGES: usize = 1_024;
/// Bytes of what an edge says on the feed.
pub const FEED_JOIN_BYTES: usize = 1 << 10;
/// How long an edge may take to say where it stands, and to take a frame.
pub const FEED_PATIENCE: Duration = Duration::from_secs(10);
/// How long an edge may take to take the feed's last frame.
pub const FEED_GOODBYE: Duration = Duration::from_secs(1);
/// How often a core tells its edges where the log ends.
pub const FEED_HEARTBEAT: Duration = Duration::from_millis(250);
/// How often a core counts what waits in its store, for operators.
pub const CENSUS_INTERVAL: Duration = Duration::from_secs(10);
/// Entries of one kind of index that such a count looks at; beyond it, it stands still.
pub const CENSUS_ENTRIES: usize = 20_000;
/// The oldest read of the log's end that a heartbeat may rest on.
pub const FEED_READ_AGE: Duration = Duration::from_millis(500);
/// Events in one page of a catalog snapshot.
pub const CATALOG_PAGE: usize = 500;
/// Chunks in one page of a layout snapshot.
pub const LAYOUT_PAGE_CHUNKS: usize = 32;

/// When an edge begins to say that it is stale.
pub const STALE_AFTER: Duration = Duration::from_secs(2);
/// How often an edge looks whether it is stale.
pub const FRESHNESS_CHECK: Duration = Duration::from_millis(100);
/// Heartbeats of a core that wait for what is before them; a later one is passed over.
pub const HEARTBEATS_WAITING: usize = 64;
/// How long back an edge remembers deltas for clients that resume.
pub const SINCE_KEPT: Duration = Duration::from_secs(60); // README
/// The shortest time between two frames of one event to one client.
pub const TICK_MIN: Duration = Duration::from_millis(50);
/// The longest time between two frames of one event to one client.
pub const TICK_MAX: Duration = Duration::from_secs(1);
/// Sends in one slice of a fan-out, after which reads get their turn.
pub const SENDS_PER_SLICE: usize = 64;
/// Sends that are worth a batch of their own.
pub const SENDS_TOGETHER: usize = 4;
/// How long a client may leave a frame unread before it is closed.
pub const SLOW_CLIENT: Duration = Duration::from_secs(15); // README
/// After how long without another frame a client gets a heartbeat.
pub const LIVE_HEARTBEAT: Duration = Duration::from_secs(25);
/// Events that one live connection may be subscribed to.
pub const SUBSCRIPTIONS_PER_CONNECTION: usize = 100; // README
/// Bytes of one message from a live client.
pub const LIVE_MESSAGE_BYTES: usize = 4 << 10; // README
/// Bodies above this many bytes are rendered off the shards.
pub const RENDER_INLINE_BYTES: usize = 16 << 10;
/// Bodies above this many bytes are compressed for clients that take it.
pub const COMPRESSED_BYTES: usize = 1 << 10;
/// Cells that a shard finds without the cache.
pub const HANDLES_PER_SHARD: usize = 1 << 10;
/// For how long it does.
pub const HANDLE_AGE: Duration = Duration::from_secs(1);
/// How old a rendered list may be.
pub const LIST_AGE: Duration = Duration::from_secs(1);
/// Events or tickets that may be looked through on a shard; more are off the shards.
pub const LOOKED_THROUGH: usize = 4_096;

/// Connections of one shard of an edge, live ones included; beyond it a new one is
/// closed at once.
pub const CONNECTIONS_PER_SHARD: usize = 65_536; // README
/// Live connections of one shard; beyond it an upgrade is answered 503.
pub const LIVE_PER_SHARD: usize = 60_000; // README
/// After how many seconds a client that found no room for a live connection may try again.
pub const NO_ROOM_SECONDS: u32 = 5;
/// Connections of one client of an edge, live ones included; beyond it a new one is
/// closed at once, and an upgrade behind a proxy answered 429.
pub const CONNECTIONS_PER_CLIENT: usize = 2_048; // README
/// After how many seconds a client with too many connections may try again.
pub const TOO_MANY_CONNECTIONS_SECONDS: u32 = 10;
/// Requests a second that one client of an edge may make for long.
pub const RATE: NonZeroU32 = NonZeroU32::new(50).unwrap(); // README
/// Requests that one client of an edge may make at once.
pub const RATE_BURST: NonZeroU32 = NonZeroU32::new(200).unwrap(); // README
/// Clients whose requests an edge counts; those that came longest ago are forgotten.
pub const RATE_CLIENTS: usize = 131_072;
/// Bytes of a request's head.
pub const HEAD_BYTES: usize = 16 << 10;
/// How long a new connection may take to send its first request.
pub const FIRST_REQUEST: Duration = Duration::from_secs(10); // README
/// How long a connection may stay without a request; longer than [`KEEP_ALIVE_TO_CORE`],
/// or an edge would write to a connection that a core is just closing.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75); // README
/// How long the head of a further request may take from its first byte to its last.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(10); // README
/// How long a client may take to read [`PROGRESS_BYTES`] of what it is sent.
pub const UNREAD_PATIENCE: Duration = Duration::from_secs(30); // README
/// Bytes that a client must take at least for a connection to get on.
pub const PROGRESS_BYTES: u64 = 1 << 10; // README
/// Head and body of an answer up to so many bytes are written as one buffer.
pub const GATHERED_BYTES: usize = 4 << 10;
/// Bytes that the kernel takes from a listener ahead of what it sends.
pub const UNSENT_BYTES: u32 = 64 << 10;
/// Bytes of a refused request that are read and forgotten, so that its client sees why.
pub const LINGER_BYTES: usize = 1 << 20;
/// How long a client has to take the answer to what it was too slow for.
pub const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long accepting pauses when the process has no file descriptor left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Characters of a `Request-Id` that a core takes over from an edge.
pub const REQUEST_ID_CHARS: std::ops::RangeInclusive<usize> = 1..=64;
/// Headers of a request; what hyper takes without an allocation.
pub const HEADERS: usize = 100; // README
/// How long any body may take before its rate counts.
pub const BODY_GRACE: Duration = Duration::from_secs(5); // README
/// Bytes a second that a body must bring.
pub const BODY_RATE: u32 = 1 << 10; // README
/// Bytes a second that an upload of tickets must bring.
pub const UPLOAD_RATE: u32 = 16 << 10; // README
/// How often certificates' files are looked at.
pub const CERTIFICATE_CHECK: Duration = Duration::from_secs(10);
/// Requests that one connection of HTTP/2 may have under way.
pub const STREAMS_PER_CONNECTION: u32 = 100; // README
/// Requests that one connection of HTTP/2 may take back before they are looked at, or
/// spoil, before it is closed.
pub const RESET_STREAMS: usize = 20;
/// Bytes of a request's headers by HTTP/2, with 32 for each as RFC 9113 counts them; the
/// stricter [`HEADERS_BYTES`] is what a client is told of.
pub const HEADER_LIST_BYTES: u32 = 32 << 10; // README
/// Bytes of a body that one request of HTTP/2 may send ahead.
pub const STREAM_BYTES: u32 = 64 << 10;
/// Bytes of an answer that are queued for one request of HTTP/2.
pub const STREAM_SEND_BYTES: usize = 64 << 10;
/// Connections that operators may have to one process.
pub const CONNECTIONS_OF_OPERATORS: usize = 256; // README
/// Connections that the kernel queues for one listener.
pub const BACKLOG: i32 = 4_096;
/// Messages that a live client may send at once.
pub const LIVE_BURST: u16 = 400; // README
/// Messages a second that a live client may send for long.
pub const LIVE_RATE: u16 = 20; // README
/// Bad messages after which a live connection is closed.
pub const LIVE_STRIKES: u8 = 10; // README
/// Answers to bad messages that wait for one live client; more are dropped.
pub const LIVE_ERRORS: usize = 8;
/// What waits for one live client to be told beside what it watches: of refused
/// subscriptions none is dropped, so one more ends the connection.
pub const LIVE_REFUSALS: usize = LIVE_BURST as usize + LIVE_ERRORS;
/// Bytes that are read from a live client at once.
pub const LIVE_READ_BYTES: usize = 8 << 10;
/// Reads from one live client before the others get their turn.
pub const LIVE_READS_PER_TURN: usize = 4;
/// Frames of one event that are kept encoded for clients that are at the same rev.
pub const FRAMES_PER_EVENT: usize = 8;
/// Bytes that the kernel takes from an edge for a live client ahead of what it sends.
pub const LIVE_UNSENT_BYTES: u32 = 16 << 10;
/// How long a live connection may take to answer a close.
pub const CLOSE_GRACE: Duration = Duration::from_secs(5);
/// The range that the jittered `reconnect_after_ms` is drawn from.
pub const RECONNECT_AFTER_MS: std::ops::RangeInclusive<u32> = 500..=10_000;

/// How long an edge waits for a connection to a core.
pub const CORE_CONNECT: Duration = Duration::from_secs(1);
/// How long an edge waits for a page of a snapshot.
pub const CORE_FETCH: Duration = Duration::from_secs(10);
/// How long it waits while there is another core to ask.
pub const CORE_FETCH_ATTEMPT: Duration = Duration::from_secs(3);
/// How long an edge waits for a core's answer to one forwarded call: longer than a
/// command may be tried.
pub const FORWARD_ATTEMPT: Duration = Duration::from_secs(6);
/// How long an edge tries to forward one call, over all cores.
pub const FORWARD_DEADLINE: Duration = Duration::from_secs(9); // README
/// An attempt to forward a call isn't begun with less time than this.
pub const FORWARD_LEAST: Duration = Duration::from_millis(100);
/// How long a core that couldn't be reached, or couldn't reach its store, is tried last.
pub const CORE_SHUNNED: Duration = Duration::from_secs(5);
/// Calls that one edge makes to one core at once, each over a connection that it keeps
/// unless both are one process, where they queue in the line between them. A rush beyond
/// them waits at the edge rather than in the kernel's queue of connections.
pub const CORE_CALLS: usize = 256;
/// How long an edge keeps an idle connection to a core.
pub const KEEP_ALIVE_TO_CORE: Duration = Duration::from_secs(30);
/// Bytes of one answer of a core that an edge takes.
pub const CORE_ANSWER_BYTES: usize = 16 << 20;
/// How long a client may take to send a body.
pub const BODY_PATIENCE: Duration = Duration::from_secs(10); // README
/// Bytes of a request's path and query.
pub const URI_BYTES: usize = 4 << 10; // README
/// Bytes of a request's header names and values.
pub const HEADERS_BYTES: usize = 12 << 10; // README
/// Bytes of the feed that an edge holds while it loads a snapshot.
pub const FEED_HELD_BYTES: usize = 64 << 20;
/// Bytes of one message of the feed.
pub const FEED_MESSAGE_BYTES: usize = 8 << 20;
/// The shortest and the longest wait before an edge connects to a feed again.
pub const FEED_RETRY: std::ops::Range<Duration> =
    Duration::from_millis(50)..Duration::from_millis(500);
/// How long a feed may be silent before an edge tries another core.
pub const FEED_SILENCE: Duration = Duration::from_secs(2);
/// Changes of one event that are kept while its cell is loaded; more begin it anew.
pub const CHANGES_WHILE_LOADING: usize = 16_384;
/// How often a snapshot that is older than the feed's position is fetched again.
pub const SNAPSHOT_TRIES: u32 = 20;
/// How long until a snapshot that is older than the feed's position is fetched again.
pub const SNAPSHOT_RETRY: Duration = Duration::from_millis(50);
/// Events that an edge loads at once, ahead of being asked for them.
pub const LOADS_AHEAD: usize = 4;
/// How long until loads ahead that failed are tried again.
pub const LOADS_AHEAD_RETRY: Duration = Duration::from_secs(1);
/// Events near one that is looked at which an edge loads ahead of being asked for them.
pub const NEIGHBOURS: usize = 8;
/// Events that wait for their neighbours to be loaded; more are forgotten.
pub const NEIGHBOURS_QUEUE: usize = 64;
/// How long until another look at an event has its neighbours loaded again.
pub const NEIGHBOURS_AGAIN: Duration = Duration::from_secs(60);
/// Pause between two loads of neighbours.
pub const NEIGHBOURS_PAUSE: Duration = Duration::from_millis(50);

/// Events that an import sends at once.
pub const IMPORTS_AT_ONCE: usize = 8;
/// How often an import makes a call that a core was too busy for.
pub const IMPORT_TRIES: u32 = 30;
/// The longest wait before an import tries again, whatever the core asks for.
pub const IMPORT_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long one call of an import may take, an upload included.
pub const IMPORT_CALL: Duration = Duration::from_secs(120);

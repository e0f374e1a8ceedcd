//! The OpenAPI 3.1 document of a listener, made from the code: schemas from the types
//! that are written and read, bounds from [`crate::limits`], answers that say no from
//! [`Slug`]. Each role names its operations in one table; its tests hold that table
//! against its routes.

mod operation;
mod part;
mod text;

use std::collections::BTreeMap;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

pub use operation::{Method, Operation};

use crate::{Problem, Slug, wire};

/// What every answer carries.
const REQUEST_ID: &str = "Request-Id";

/// A document under construction.
pub struct Document {
    title: &'static str,
    description: &'static str,
    operations: Vec<Operation>,
    /// Schemas of what is read. A field with a default may be left out.
    read: SchemaGenerator,
    /// Schemas of what is written.
    written: SchemaGenerator,
}

/// Which way a structure travels.
#[derive(Clone, Copy, Debug)]
enum Way {
    In,
    Out,
}

/// A structure of the API, waiting for the generator that knows the others.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    way: Way,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Shape {
    pub(crate) fn read<T: JsonSchema>() -> Self {
        Self {
            way: Way::In,
            schema: |generator| generator.subschema_for::<T>(),
        }
    }

    pub(crate) fn written<T: JsonSchema>() -> Self {
        Self {
            way: Way::Out,
            schema: |generator| generator.subschema_for::<T>(),
        }
    }
}

impl Document {
    /// A document without operations.
    pub fn new(title: &'static str, description: &'static str) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            title,
            description,
            operations: Vec::new(),
            read: settings.clone().for_deserialize().into_generator(),
            written: settings.for_serialize().into_generator(),
        }
    }

    /// Adds an operation.
    #[must_use]
    pub fn with(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    /// The operations, in the order in which they were added.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The document as JSON.
    pub fn render(mut self) -> Value {
        let problem = self.schema(Shape::written::<Problem>());
        let mut paths: BTreeMap<&'static str, Map<String, Value>> = BTreeMap::new();
        for operation in std::mem::take(&mut self.operations) {
            let rendered = operation.render(&mut |shape| self.schema(shape), &problem);
            let path = paths.entry(operation.path).or_default();
            path.insert(operation.method.as_str().to_lowercase(), rendered);
        }
        let mut schemas = self.read.take_definitions(true);
        schemas.extend(self.written.take_definitions(true));
        json!({
            "openapi": "3.1.0",
            "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
            "info": {
                "title": self.title,
                "description": self.description,
                "version": env!("CARGO_PKG_VERSION"),
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "headers": headers(),
                "securitySchemes": {
                    "administrator": {"type": "http", "scheme": "bearer",
                        "description": "A token that `parterre admin token` has made."},
                    "buyer": {"type": "http", "scheme": "bearer",
                        "description": "The `token` of the reservation."},
                },
            },
        })
    }

    fn schema(&mut self, shape: Shape) -> Value {
        let generator = match shape.way {
            Way::In => &mut self.read,
            Way::Out => &mut self.written,
        };
        (shape.schema)(generator).to_value()
    }
}

/// The headers of answers, each described once.
fn headers() -> Value {
    let rev = "The rev that the answer is true for, or that the write was committed at.";
    json!({
        REQUEST_ID: {"description": "Names the request in every log that it passes.",
            "required": true, "schema": {"type": "string"}},
        "Parterre-Rev": {"description": rev, "schema": {"type": "string", "pattern": text::REV}},
        "Parterre-Stale": {"description": "For so many seconds the edge hasn't been confirmed up to date.",
            "schema": {"type": "integer", "minimum": 0}},
        "ETag": {"description": "A strong tag of this representation at this rev.",
            "schema": {"type": "string"}},
        "Cache-Control": {"description": "How long a cache may keep it.",
            "schema": {"type": "string"}},
        "Content-Encoding": {"description": "How the body is compressed, if it is.",
            "schema": {"type": "string", "enum": ["br", "gzip", "zstd"]}},
        "Vary": {"description": "What else the representation depends on.",
            "schema": {"type": "string"}},
        "Location": {"description": "Where the new thing is.",
            "schema": {"type": "string", "format": "uri-reference"}},
        "Retry-After": {"description": "After so many seconds it is worth asking again.",
            "schema": {"type": "integer", "minimum": 0}},
        "Allow": {"description": "The methods that the path takes.",
            "schema": {"type": "string"}},
        "Sec-WebSocket-Protocol": {"description": "The subprotocol, if any was offered.",
            "schema": {"type": "string", "enum": [wire::live::JSON, wire::live::MSGPACK]}},
        "Upgrade": {"description": "What to ask for.",
            "schema": {"type": "string"}},
        "Sec-WebSocket-Version": {"description": "Which version to ask for.",
            "schema": {"type": "string"}},
        "WWW-Authenticate": {"description": "How to say who asks.",
            "schema": {"type": "string"}},
    })
}

/// The extra headers of a problem.
fn headers_of(slug: Slug) -> &'static [&'static str] {
    match slug {
        Slug::SlowDown
        | Slug::CoreUnavailable
        | Slug::Busy
        | Slug::NotOnSale
        | Slug::OutsideCreationWindow => &["Retry-After"],
        Slug::MethodNotAllowed => &["Allow"],
        Slug::UpgradeRequired => &["Upgrade", "Sec-WebSocket-Version"],
        Slug::Unauthorized => &["WWW-Authenticate"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::api::{EventList, ReserveRequest};

    fn document() -> Value {
        let list = Operation::get("/v1/events", "listEvents", "Lists events.")
            .query("limit", json!({"type": "integer"}), "Events in a page.")
            .answers::<EventList>(200, "A page.", &["ETag"])
            .refuses(&[Slug::Invalid, Slug::Malformed]);
        let reserve = Operation::post("/v1/events/{id}/reservations", "reserve", "Reserves.")
            .id("The event.")
            .takes::<ReserveRequest>("What to reserve.")
            .refuses(&[Slug::TicketsTaken, Slug::Conflict, Slug::Busy]);
        Document::new("A title", "A text")
            .with(list)
            .with(reserve)
            .render()
    }

    #[test]
    fn it_is_a_document_of_openapi_3_1() {
        let version = document()["openapi"].as_str().unwrap().to_owned();
        assert!(version.starts_with("3.1."), "{version}");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(document: &Value, part: &Value) {
            match part {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        let pointer = reference.trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                    }
                    members.values().for_each(|member| check(document, member));
                }
                Value::Array(items) => items.iter().for_each(|item| check(document, item)),
                _ => {}
            }
        }
        let document = document();
        check(&document, &document);
    }

    #[test]
    fn problems_with_one_status_share_an_answer_that_names_each() {
        let document = document();
        let answer = &document["paths"]["/v1/events/{id}/reservations"]["post"]["responses"]["409"];
        let description = answer["description"].as_str().unwrap();
        assert!(description.contains("`tickets-taken`"), "{description}");
        assert!(description.contains("`conflict`"), "{description}");
        assert!(answer["content"]["application/problem+json"].is_object());
    }

    #[test]
    fn what_is_read_may_leave_out_what_has_a_default_and_takes_no_unknown_field() {
        let document = document();
        let wish = &document["components"]["schemas"]["BestWish"];
        assert_eq!(wish["required"], json!(["count"]), "{wish}");
        assert_eq!(wish["additionalProperties"], json!(false), "{wish}");
    }
}

//! One operation: what it takes and what it answers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::{REQUEST_ID, Shape, headers_of, text};
use crate::Slug;

/// A method of HTTP that operations use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "HTTP's names")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// As HTTP writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One operation.
pub struct Operation {
    /// How it is asked for.
    pub method: Method,
    /// Where, with `{…}` for what varies.
    pub path: &'static str,
    /// Its name in generated clients.
    pub id: &'static str,
    summary: &'static str,
    security: Option<&'static str>,
    parameters: Vec<Parameter>,
    /// Media types, each with its schema.
    bodies: Vec<(&'static str, Schema)>,
    body_says: &'static str,
    answers: Vec<Answer>,
    problems: Vec<Slug>,
}

/// A parameter.
pub struct Parameter {
    name: &'static str,
    place: &'static str,
    required: bool,
    schema: Value,
    says: &'static str,
}

/// An answer that isn't a problem.
pub struct Answer {
    /// Its status.
    pub status: u16,
    says: &'static str,
    headers: &'static [&'static str],
    bodies: Vec<(&'static str, Schema)>,
    /// Operations that go on from here: their id, and what of this answer is their `id`.
    links: Vec<(&'static str, &'static str)>,
}

/// A schema: of a type, or written out.
enum Schema {
    Of(Shape),
    Is(Value),
}

/// Makes a schema of a shape, and remembers what it refers to.
type Schemas<'a> = &'a mut dyn FnMut(Shape) -> Value;

const JSON: &str = "application/json";
const MSGPACK: &str = "application/msgpack";
const PROBLEM: &str = "application/problem+json";

impl Operation {
    fn new(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            method,
            path,
            id,
            summary,
            security: None,
            parameters: Vec::new(),
            bodies: Vec::new(),
            body_says: "",
            answers: Vec::new(),
            problems: vec![
                Slug::MethodNotAllowed,
                Slug::UriTooLong,
                Slug::HeadersTooLarge,
            ],
        }
    }

    /// `GET`.
    pub fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Get, path, id, summary)
    }

    /// `POST`.
    pub fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Post, path, id, summary)
    }

    /// `PUT`.
    pub fn put(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Put, path, id, summary)
    }

    /// `PATCH`.
    pub fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Patch, path, id, summary)
    }

    /// `DELETE`.
    pub fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::Delete, path, id, summary)
    }

    /// Asks for a bearer token of this scheme.
    #[must_use]
    pub fn needs(mut self, scheme: &'static str) -> Self {
        self.security = Some(scheme);
        self.refuses(&[Slug::Unauthorized, Slug::Forbidden])
    }

    /// The path's `{id}`, a ULID.
    #[must_use]
    pub fn id(self, says: &'static str) -> Self {
        let schema = json!({"type": "string", "pattern": text::ULID});
        self.parameter("id", "path", true, schema, says)
            .refuses(&[Slug::NotFound])
    }

    /// Another part of the path.
    #[must_use]
    pub fn part(self, name: &'static str, schema: Value, says: &'static str) -> Self {
        self.parameter(name, "path", true, schema, says)
            .refuses(&[Slug::NotFound])
    }

    /// An optional parameter of the query.
    #[must_use]
    pub fn query(self, name: &'static str, schema: Value, says: &'static str) -> Self {
        self.parameter(name, "query", false, schema, says)
    }

    /// An optional header.
    #[must_use]
    pub fn header(self, name: &'static str, schema: Value, says: &'static str) -> Self {
        self.parameter(name, "header", false, schema, says)
    }

    fn parameter(
        mut self,
        name: &'static str,
        place: &'static str,
        required: bool,
        schema: Value,
        says: &'static str,
    ) -> Self {
        self.parameters.push(Parameter {
            name,
            place,
            required,
            schema,
            says,
        });
        self
    }

    /// A JSON body of this type.
    #[must_use]
    pub fn takes<T: JsonSchema>(mut self, says: &'static str) -> Self {
        self.body_says = says;
        self.bodies.push((JSON, Schema::Of(Shape::read::<T>())));
        self.refuses(&[Slug::Malformed, Slug::Invalid, Slug::TooLarge])
    }

    /// A body of another media type.
    #[must_use]
    pub fn takes_as(mut self, media: &'static str, schema: Value) -> Self {
        self.bodies.push((media, Schema::Is(schema)));
        self
    }

    /// Answers this type in JSON.
    #[must_use]
    pub fn answers<T: JsonSchema>(
        mut self,
        status: u16,
        says: &'static str,
        headers: &'static [&'static str],
    ) -> Self {
        self.answers.push(Answer {
            status,
            says,
            headers,
            bodies: vec![(JSON, Schema::Of(Shape::written::<T>()))],
            links: Vec::new(),
        });
        self
    }

    /// Answers something else than a structure of the API.
    #[must_use]
    pub fn answers_as(
        mut self,
        status: u16,
        says: &'static str,
        headers: &'static [&'static str],
        media: &'static str,
    ) -> Self {
        self.answers.push(Answer {
            status,
            says,
            headers,
            bodies: vec![(media, Schema::Is(json!({"type": "string"})))],
            links: Vec::new(),
        });
        self
    }

    /// Answers without a body.
    #[must_use]
    pub fn answers_nothing(
        mut self,
        status: u16,
        says: &'static str,
        headers: &'static [&'static str],
    ) -> Self {
        self.answers.push(Answer {
            status,
            says,
            headers,
            bodies: Vec::new(),
            links: Vec::new(),
        });
        self
    }

    /// A read: the first answer in MessagePack too, and 304 for who has it already.
    #[must_use]
    pub fn cached<T: JsonSchema>(mut self, headers: &'static [&'static str]) -> Self {
        if let Some(answer) = self.answers.first_mut() {
            let schema = Schema::Of(Shape::written::<T>());
            answer.bodies.push((MSGPACK, schema));
        }
        let schema = json!({"type": "string"});
        self.header("If-None-Match", schema, "Tags that the asker holds.")
            .answers_nothing(304, "The asker holds it already.", headers)
            .refuses(&[Slug::CoreUnavailable])
    }

    /// Says which operation goes on from the last answer: where in it the next one's
    /// `id` is.
    #[must_use]
    pub fn leads_to(mut self, operation: &'static str, id: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.links.push((operation, id));
        }
        self
    }

    /// Answers these problems.
    #[must_use]
    pub fn refuses(mut self, problems: &[Slug]) -> Self {
        self.problems.extend(problems);
        self
    }

    /// Every status that it answers.
    pub fn statuses(&self) -> Vec<u16> {
        let answers = self.answers.iter().map(|answer| answer.status);
        let problems = self.problems.iter().map(|slug| slug.parts().0);
        answers.chain(problems).collect()
    }

    pub(super) fn render(&self, schemas: Schemas<'_>, problem: &Value) -> Value {
        let mut answers: Map<String, Value> = Map::new();
        for answer in &self.answers {
            answers.insert(answer.status.to_string(), answer.render(schemas));
        }
        for (status, slugs) in by_status(&self.problems) {
            answers.insert(status.to_string(), refusal(&slugs, problem));
        }
        let mut rendered = json!({
            "operationId": self.id,
            "summary": self.summary,
            "parameters": self.parameters.iter().map(Parameter::render).collect::<Vec<_>>(),
            "responses": answers,
            "security": self.security.iter().map(|scheme| json!({*scheme: []})).collect::<Vec<_>>(),
        });
        if !self.bodies.is_empty() {
            rendered["requestBody"] = json!({
                "description": self.body_says,
                "required": true,
                "content": content(&self.bodies, schemas),
            });
        }
        rendered
    }
}

impl Parameter {
    fn render(&self) -> Value {
        json!({
            "name": self.name,
            "in": self.place,
            "required": self.required,
            "description": self.says,
            "schema": self.schema,
        })
    }
}

impl Answer {
    fn render(&self, schemas: Schemas<'_>) -> Value {
        let mut rendered = json!({
            "description": self.says,
            "headers": header_references(self.headers),
        });
        if !self.bodies.is_empty() {
            rendered["content"] = content(&self.bodies, schemas);
        }
        if !self.links.is_empty() {
            let links = self.links.iter().map(|(operation, id)| {
                let link = json!({"operationId": operation, "parameters": {"id": id}});
                ((*operation).to_owned(), link)
            });
            rendered["links"] = Value::Object(links.collect());
        }
        rendered
    }
}

fn content(bodies: &[(&'static str, Schema)], schemas: Schemas<'_>) -> Value {
    let content = bodies.iter().map(|(media, schema)| {
        let schema = match schema {
            Schema::Of(shape) => schemas(*shape),
            Schema::Is(schema) => schema.clone(),
        };
        ((*media).to_owned(), json!({"schema": schema}))
    });
    Value::Object(content.collect())
}

/// Problems with one status share an answer; which it is stands in the body's `type`.
fn by_status(problems: &[Slug]) -> BTreeMap<u16, Vec<Slug>> {
    let mut by_status: BTreeMap<u16, Vec<Slug>> = BTreeMap::new();
    for &slug in problems {
        let slugs = by_status.entry(slug.parts().0).or_default();
        if !slugs.contains(&slug) {
            slugs.push(slug);
        }
    }
    by_status
}

fn refusal(slugs: &[Slug], problem: &Value) -> Value {
    let says = slugs.iter().map(|slug| {
        let (_, name, title) = slug.parts();
        format!("`{name}`: {title}.")
    });
    let kinds: Vec<String> = slugs
        .iter()
        .map(|slug| format!("/problems/{}", slug.parts().1))
        .collect();
    let headers: Vec<&str> = slugs
        .iter()
        .copied()
        .flat_map(headers_of)
        .copied()
        .collect();
    json!({
        "description": says.collect::<Vec<_>>().join(" "),
        "headers": header_references(&headers),
        "content": {PROBLEM: {"schema": {
            "allOf": [problem, {"properties": {"type": {"enum": kinds}}}],
        }}},
    })
}

fn header_references(names: &[&str]) -> Value {
    let names = names.iter().chain([&REQUEST_ID]);
    let references = names.map(|name| {
        let reference = json!({"$ref": format!("#/components/headers/{name}")});
        ((*name).to_owned(), reference)
    });
    Value::Object(references.collect())
}

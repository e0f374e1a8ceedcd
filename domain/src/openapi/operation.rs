//! One operation: what it takes and what it answers.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::part::{Answer, Parameter, Schema, Schemas, by_status, content, refusal};
use super::{Shape, text};
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
    /// Who sends messages, and which.
    messages: Vec<(&'static str, Schema)>,
}

const JSON: &str = "application/json";
const MSGPACK: &str = "application/msgpack";

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
            messages: Vec::new(),
            problems: vec![
                Slug::MethodNotAllowed,
                Slug::TooSlow,
                Slug::UriTooLong,
                Slug::HeadersTooLarge,
                Slug::Internal,
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
        self.parameter("id", "path", true, Schema::Is(schema), says)
            .refuses(&[Slug::NotFound])
    }

    /// Another part of the path.
    #[must_use]
    pub fn part(self, name: &'static str, schema: Value, says: &'static str) -> Self {
        self.parameter(name, "path", true, Schema::Is(schema), says)
            .refuses(&[Slug::NotFound])
    }

    /// An optional parameter of the query.
    #[must_use]
    pub fn query(self, name: &'static str, schema: Value, says: &'static str) -> Self {
        self.parameter(name, "query", false, Schema::Is(schema), says)
    }

    /// An optional parameter of the query that is written as this type is.
    #[must_use]
    pub fn query_of<T: JsonSchema>(self, name: &'static str, says: &'static str) -> Self {
        let schema = Schema::Of(Shape::read::<T>());
        self.parameter(name, "query", false, schema, says)
    }

    /// An optional header.
    #[must_use]
    pub fn header(self, name: &'static str, schema: Value, says: &'static str) -> Self {
        self.parameter(name, "header", false, Schema::Is(schema), says)
    }

    /// An optional header that is written as this type is.
    #[must_use]
    pub fn header_of<T: JsonSchema>(self, name: &'static str, says: &'static str) -> Self {
        let schema = Schema::Of(Shape::read::<T>());
        self.parameter(name, "header", false, schema, says)
    }

    /// Describes the messages of a connection that goes on after the answer, of which
    /// OpenAPI knows nothing: in the member `x-messages`, each under the name of who sends
    /// it.
    #[must_use]
    pub fn hears<T: JsonSchema>(mut self, from: &'static str) -> Self {
        let schema = Schema::Of(Shape::read::<T>());
        self.messages.push((from, schema));
        self
    }

    /// The same of what the server sends.
    #[must_use]
    pub fn tells<T: JsonSchema>(mut self, from: &'static str) -> Self {
        let schema = Schema::Of(Shape::written::<T>());
        self.messages.push((from, schema));
        self
    }

    fn parameter(
        mut self,
        name: &'static str,
        place: &'static str,
        required: bool,
        schema: Schema,
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
        self.refuses(&[
            Slug::Malformed,
            Slug::Invalid,
            Slug::TooLarge,
            Slug::UnsupportedMediaType,
        ])
    }

    /// A body of this type in another media type.
    #[must_use]
    pub fn takes_in<T: JsonSchema>(mut self, media: &'static str) -> Self {
        self.bodies.push((media, Schema::Of(Shape::read::<T>())));
        self
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

    /// The same answer in another media type.
    #[must_use]
    pub fn also_as(mut self, media: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            let schema = Schema::Is(json!({"type": "string"}));
            answer.bodies.push((media, schema));
        }
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
        self.revalidated(headers).refuses(&[Slug::CoreUnavailable])
    }

    /// 304 for who has the answer already.
    #[must_use]
    pub fn revalidated(self, headers: &'static [&'static str]) -> Self {
        let schema = json!({"type": "string"});
        self.header("If-None-Match", schema, "Tags that the asker holds.")
            .answers_nothing(304, "The asker holds it already.", headers)
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

    /// The names of the query's parameters.
    pub fn query_names(&self) -> Vec<&'static str> {
        let parameters = self.parameters.iter();
        let query = parameters.filter(|parameter| parameter.place == "query");
        query.map(|parameter| parameter.name).collect()
    }

    pub(super) fn render(&self, schemas: Schemas<'_>, problem: &Value) -> Value {
        let mut answers: Map<String, Value> = Map::new();
        for answer in &self.answers {
            answers.insert(answer.status.to_string(), answer.render(schemas));
        }
        for (status, slugs) in by_status(&self.problems) {
            answers.insert(status.to_string(), refusal(&slugs, problem));
        }
        let parameters = self.parameters.iter();
        let parameters: Vec<_> = parameters.map(|one| one.render(schemas)).collect();
        let mut rendered = json!({
            "operationId": self.id,
            "summary": self.summary,
            "parameters": parameters,
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
        for (from, schema) in &self.messages {
            rendered["x-messages"][*from] = schema.render(schemas);
        }
        rendered
    }
}

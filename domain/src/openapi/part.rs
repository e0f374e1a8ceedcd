//! What an operation is made of, and how each part is written.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{REQUEST_ID, Shape, headers_of};
use crate::Slug;

/// A parameter.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) required: bool,
    pub(super) schema: Schema,
    pub(super) says: &'static str,
}

/// An answer that isn't a problem.
pub(super) struct Answer {
    /// Its status.
    pub(super) status: u16,
    pub(super) says: &'static str,
    pub(super) headers: &'static [&'static str],
    pub(super) bodies: Vec<(&'static str, Schema)>,
    /// Operations that go on from here: their id, and what of this answer is their `id`.
    pub(super) links: Vec<(&'static str, &'static str)>,
}

/// A schema: of a type, or written out.
pub(super) enum Schema {
    Of(Shape),
    Is(Value),
}

/// Makes a schema of a shape, and remembers what it refers to.
pub(super) type Schemas<'a> = &'a mut dyn FnMut(Shape) -> Value;

pub(super) const PROBLEM: &str = "application/problem+json";

impl Parameter {
    pub(super) fn render(&self, schemas: Schemas<'_>) -> Value {
        json!({
            "name": self.name,
            "in": self.place,
            "required": self.required,
            "description": self.says,
            "schema": self.schema.render(schemas),
        })
    }
}

impl Schema {
    pub(super) fn render(&self, schemas: Schemas<'_>) -> Value {
        match self {
            Self::Of(shape) => schemas(*shape),
            Self::Is(schema) => schema.clone(),
        }
    }
}

impl Answer {
    pub(super) fn render(&self, schemas: Schemas<'_>) -> Value {
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

pub(super) fn content(bodies: &[(&'static str, Schema)], schemas: Schemas<'_>) -> Value {
    let content = bodies.iter().map(|(media, schema)| {
        let schema = schema.render(schemas);
        ((*media).to_owned(), json!({"schema": schema}))
    });
    Value::Object(content.collect())
}

/// Problems with one status share an answer; which it is stands in the body's `type`.
pub(super) fn by_status(problems: &[Slug]) -> BTreeMap<u16, Vec<Slug>> {
    let mut by_status: BTreeMap<u16, Vec<Slug>> = BTreeMap::new();
    for &slug in problems {
        let slugs = by_status.entry(slug.parts().0).or_default();
        if !slugs.contains(&slug) {
            slugs.push(slug);
        }
    }
    by_status
}

pub(super) fn refusal(slugs: &[Slug], problem: &Value) -> Value {
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

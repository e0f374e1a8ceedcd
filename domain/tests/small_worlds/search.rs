//! The search: breadth first, so that what it finds is found by the shortest story.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use crate::action::Action;
use crate::promises;
use crate::rules::Rules;
use crate::view::fingerprint;
use crate::world::World;

pub(crate) struct Search {
    pub(crate) rules: Rules,
    pub(crate) tickets: u32,
    /// Which actions take part.
    pub(crate) allowed: fn(&Action) -> bool,
    /// Steps of the longest story.
    pub(crate) depth: usize,
    /// Distinct worlds after which the search ends.
    pub(crate) states: usize,
}

/// What a search without a breach went through.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) states: usize,
    pub(crate) steps: usize,
    /// Every story of so many steps was tried, and some of one more.
    pub(crate) depth: usize,
}

/// A broken promise and the story that breaks it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) breach: String,
    pub(crate) story: Vec<Action>,
}

struct Node {
    parent: usize,
    action: Action,
}

impl Search {
    pub(crate) fn run(&self) -> Result<Report, Found> {
        let first = World::on_sale(self.tickets);
        let mut seen = HashSet::from([fingerprint(&first)]);
        let mut nodes: Vec<Node> = Vec::new();
        let mut frontier = VecDeque::from([(first, 0, usize::MAX)]);
        let mut report = Report {
            states: 1,
            steps: 0,
            depth: 0,
        };
        while let Some((world, depth, parent)) = frontier.pop_front() {
            report.depth = depth;
            if depth == self.depth || seen.len() >= self.states {
                break;
            }
            for action in Action::all(&world).into_iter().filter(self.allowed) {
                let found = |breach| Found {
                    breach,
                    story: story(&nodes, parent, action),
                };
                report.steps += 1;
                let Some(after) = self.step(&world, action).map_err(found)? else {
                    continue;
                };
                if !seen.insert(fingerprint(&after)) {
                    continue;
                }
                promises::of_world(&after, &self.rules).map_err(found)?;
                nodes.push(Node { parent, action });
                frontier.push_back((after, depth + 1, nodes.len() - 1));
            }
        }
        report.states = seen.len();
        Ok(report)
    }

    /// The world after an action; none if it is the same.
    fn step(&self, world: &World, action: Action) -> Result<Option<World>, String> {
        let mut after = world.clone();
        match action.run(&mut after, &self.rules) {
            Some(told) if after != *world => {
                promises::of_step(world, action, &told, &after)?;
                Ok(Some(after))
            }
            Some(_) | None => Ok(None),
        }
    }
}

fn story(nodes: &[Node], mut at: usize, last: Action) -> Vec<Action> {
    let mut story = vec![last];
    while let Some(node) = nodes.get(at) {
        story.push(node.action);
        at = node.parent;
    }
    story.reverse();
    story
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            states,
            steps,
            depth,
        } = self;
        write!(
            f,
            "{states} distinct worlds in {steps} steps, every story of {depth} steps among them"
        )
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, after:", self.breach)?;
        (self.story.iter()).try_for_each(|action| writeln!(f, "  {action:?}"))
    }
}

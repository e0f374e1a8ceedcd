//! Parterre's load and correctness tests, as a customer would make them.

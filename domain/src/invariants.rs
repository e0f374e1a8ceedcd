//! Every invariant, named once: called by tests, by `parterre check` and by fault tests.

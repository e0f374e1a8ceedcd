//! Mutants of the rules, each of which a search must catch.

//! Plans the best available tickets. Pure: the layout, the states and the wish go in,
//! tickets come out.

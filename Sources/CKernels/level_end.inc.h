// Takes back the names that a level's source was compiled with.
#undef LEVEL
#undef VW
#undef VF
#undef VI
#undef VU
#undef MADD
#undef TILE_ROWS
#undef VLOAD
#undef VSTORE
#undef SPLAT
#undef SELECT
#undef VMAX
#undef VMIN
#undef INLINE
#undef FOR_VECTORS
#undef GET
#undef PUT

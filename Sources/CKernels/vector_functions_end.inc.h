#undef VLOAD
#undef VSTORE
#undef SPLAT
#undef SELECT
#undef VMAX
#undef VMIN
#undef INLINE

//! Which functions of PostgreSQL's own may no check call?
//!
//! As far as names tell: a config cannot define functions of these names where they are looked up
//! first. What else is refused, `apply` finds.

/// Functions over several rows, and those that give several.
const OVER_ROWS: &str = " any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count \
    covar_pop covar_samp cume_dist dense_rank every first_value generate_series json_agg \
    json_array_elements json_each json_object_agg jsonb_agg jsonb_array_elements jsonb_each \
    jsonb_object_agg lag last_value lead max min mode nth_value ntile percent_rank percentile_cont \
    percentile_disc range_agg rank regexp_matches regexp_split_to_table row_number stddev stddev_pop \
    stddev_samp string_agg sum unnest var_pop var_samp variance xmlagg ";
/// Functions whose effect outlives a request, so that none may call them, by how their names begin.
/// The extension knows them by what implements them.
const OUTLIVING: &str = " set_config setseed pg_notify pg_listening_channels pg_export_snapshot pg_cancel_backend \
    pg_terminate_backend pg_reload_conf pg_lock_status pg_blocking_pids \
    pg_import_system_collations brin_summarize_ gin_clean_pending_list pg_advisory_ \
    pg_try_advisory_ pg_logical_ pg_stat_get_ pg_stat_reset pg_copy_ pg_create_ pg_drop_ \
    pg_replication_ pg_log_ pg_read_ pg_ls_ lo_ ";

/// Whether a function is about several rows, or gives several.
pub(super) fn is_over_rows(name: &str) -> bool {
    OVER_ROWS.split_ascii_whitespace().any(|known| name == known)
}

/// Whether the effect of a function outlives a request.
pub(super) fn outlives(name: &str) -> bool {
    OUTLIVING.split_ascii_whitespace().any(|begin| name.starts_with(begin))
}

//! Which functions can SQL call, and which library calls PostgreSQL itself makes?
//!
//! The list below is the whole of it, with the handler of the foreign-data wrapper in [`fdw`];
//! `sql/bootstrap.sql` and `sql/analytics.sql` declare the same names with their argument types,
//! and a name missing there or here fails `CREATE EXTENSION`.
//!
//! [`fdw`]: super::fdw

use super::{boundary, hooks};
use crate::{
    adopt, apply, conformance, enter, export, files, guc, identity, import, integrity, lifecycle,
    migrate, removal, repair, restore, tables,
};
use pgrx::pg_sys;

pgrx::pg_module_magic!(name, version);

/// Called once when a backend loads the library.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn _PG_init() {
    // SAFETY: PostgreSQL calls this, and nothing here has a destructor.
    unsafe {
        boundary::callback(|| {
            identity::unrestricted(guc::define);
            guc::reserve_prefix();
            hooks::install();
            Ok(())
        });
    }
}

macro_rules! sql_functions {
    ($way:ident: $($name:ident => $body:path;)*) => {$(
        #[doc = concat!("`edgebase.", stringify!($name), "`")]
        ///
        /// # Safety
        /// Called by PostgreSQL with the arguments that the SQL files declare.
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
            // SAFETY: fcinfo comes from PostgreSQL and this is the only statement.
            unsafe { boundary::$way(fcinfo, $body) }
        }

        const _: () = {
            /// Tells PostgreSQL that the function uses the version 1 calling convention.
            #[unsafe(export_name = concat!("pg_finfo_", stringify!($name)))]
            extern "C" fn info() -> &'static pg_sys::Pg_finfo_record {
                &pg_sys::Pg_finfo_record { api_version: 1 }
            }
        };
    )*};
}

// Those that read, and work on a standby.
sql_functions! { call:
    edgebase_enter => enter::enter;
    edgebase_enter_read_only => enter::enter_read_only;
    edgebase_read_record => enter::read_record;
    edgebase_locate => lifecycle::locate;
    edgebase_has_table => tables::has_table;
    edgebase_exported_tables => export::exported_tables;
    edgebase_verify => integrity::verify;
    edgebase_warn_of_drop => removal::warn_of_drop;
    edgebase_file_size => files::file_size;
    edgebase_file_written => files::file_written;
    edgebase_utf16_length => crate::instance::utf16_length;
}

// Those that change the database.
sql_functions! { change:
    edgebase_create_instance => lifecycle::create_instance;
    edgebase_create_instance_with => lifecycle::create_instance_with;
    edgebase_ensure_tables => tables::ensure_tables;
    edgebase_drop_instance => lifecycle::drop_instance;
    edgebase_drop_instance_for => lifecycle::drop_instance_for;
    edgebase_migrate => migrate::migrate;
    edgebase_try_migrate => migrate::try_migrate;
    edgebase_migrate_behind => migrate::migrate_behind;
    edgebase_apply_config => apply::apply_config;
    edgebase_import_instance => import::import_instance;
    edgebase_close_extension => repair::close_extension;
    edgebase_repair => repair::repair;
    edgebase_repair_batch => repair::repair_batch;
    edgebase_adopt => adopt::adopt;
    edgebase_restore_instance => restore::restore_instance;
    edgebase_verify_version => conformance::verify_version;
}

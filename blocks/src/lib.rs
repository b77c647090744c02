//! What does a configuration mean?
//!
//! The one model of blocks, tables, fields and names that the extension and the proxy share,
//! so that neither can disagree with the other about a schema, a name or a version. Pure: no
//! I/O, no database, no JavaScript. Every public parser refuses what it does not know and says
//! where in the config it stands.

pub mod analytics;
pub mod block;
pub mod config;
pub mod datetime;
pub mod ddl;
pub mod depth;
pub mod diff;
pub mod field;
pub mod fit;
pub mod identity;
pub mod issuer;
mod limits;
pub mod name;
pub mod quote;
mod remarks;
pub mod rule;
pub mod service_key;
pub mod settings;
pub mod sparse;
pub mod sqlstate;
pub mod storage;
pub mod table;
pub mod timestamp;

pub use block::{Block, BlockKind};
pub use config::{Config, ConfigError};
pub use field::{Field, FieldType};
pub use name::InstanceKey;
pub use rule::{FunctionId, Rule};
pub use storage::{StoredBlock, StoredTable};
pub use table::Table;

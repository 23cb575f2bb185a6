//! The demonstration assortment: ids, categories and words that the seed writes and the load generator asks for.

use uuid::{Builder, Uuid};

/// Products in the demonstration assortment.
pub const PRODUCTS: u32 = 10_000;
/// Creation time of the first product, milliseconds since 1970: 2025-01-01T00:00:00Z; each next is a minute younger.
pub const FIRST_CREATED_MS: u64 = 1_735_689_600_000;

/// Id of the `index`-th product: a valid UUIDv7 that needs no database to be known.
///
/// ```
/// use shop_contracts::demo::product_id;
/// assert_eq!(product_id(3), product_id(3));
/// assert!(product_id(3) < product_id(4), "younger products sort later");
/// ```
pub fn product_id(index: u32) -> Uuid {
    let random = spread(u64::from(index)).to_le_bytes();
    let more = spread(u64::from(index) ^ 0x5EED).to_le_bytes();
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&random);
    bytes[8..].copy_from_slice(&more[..2]);
    Builder::from_unix_timestamp_millis(created_ms(index), &bytes).into_uuid()
}

/// Creation time of the `index`-th product in milliseconds since 1970.
pub fn created_ms(index: u32) -> u64 {
    FIRST_CREATED_MS + u64::from(index) * 60_000
}

/// The finalizer of SplitMix64: neighbouring indices get unrelated bits.
///
/// **Source**: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014).
fn spread(index: u64) -> u64 {
    let mut z = index.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A category below a department, with the nouns its products are named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoCategory {
    /// Stable name in URLs.
    pub slug: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// Slug and name of the department.
    pub department: (&'static str, &'static str),
    /// What its products are.
    pub nouns: [&'static str; 4],
}

const fn category(
    department: (&'static str, &'static str),
    slug: &'static str,
    name: &'static str,
    nouns: [&'static str; 4],
) -> DemoCategory {
    DemoCategory { slug, name, department, nouns }
}

const LIVING: (&str, &str) = ("living", "Living");
const KITCHEN: (&str, &str) = ("kitchen", "Kitchen");
const GARDEN: (&str, &str) = ("garden", "Garden");
const FASHION: (&str, &str) = ("fashion", "Fashion");
const OUTDOOR: (&str, &str) = ("outdoor", "Outdoor");
const OFFICE: (&str, &str) = ("office", "Office");

/// Every category that products are listed in.
pub const CATEGORIES: [DemoCategory; 36] = [
    category(LIVING, "tables", "Tables", ["table", "sideboard", "console", "nightstand"]),
    category(LIVING, "seating", "Seating", ["chair", "armchair", "stool", "bench"]),
    category(LIVING, "sofas", "Sofas", ["sofa", "couch", "daybed", "ottoman"]),
    category(LIVING, "lighting", "Lighting", ["lamp", "lantern", "chandelier", "sconce"]),
    category(LIVING, "textiles", "Textiles", ["blanket", "cushion", "curtain", "rug"]),
    category(LIVING, "storage", "Storage", ["shelf", "cabinet", "wardrobe", "dresser"]),
    category(KITCHEN, "cookware", "Cookware", ["saucepan", "skillet", "casserole", "wok"]),
    category(KITCHEN, "knives", "Knives", ["knife", "cleaver", "sharpener", "peeler"]),
    category(KITCHEN, "tableware", "Tableware", ["plate", "bowl", "platter", "pitcher"]),
    category(KITCHEN, "glassware", "Glassware", ["tumbler", "goblet", "carafe", "decanter"]),
    category(KITCHEN, "coffee", "Coffee", ["grinder", "kettle", "percolator", "mug"]),
    category(KITCHEN, "baking", "Baking", ["whisk", "mixer", "rolling-pin", "tin"]),
    category(GARDEN, "tools", "Tools", ["spade", "rake", "pruner", "trowel"]),
    category(GARDEN, "planters", "Planters", ["planter", "pot", "trellis", "trough"]),
    category(GARDEN, "watering", "Watering", ["hose", "sprinkler", "watering-can", "nozzle"]),
    category(GARDEN, "grills", "Grills", ["grill", "smoker", "firepit", "skewer"]),
    category(GARDEN, "patio", "Patio", ["parasol", "hammock", "lounger", "swing"]),
    category(GARDEN, "seeds", "Seeds", ["bulb", "seedling", "herb", "sapling"]),
    category(FASHION, "shoes", "Shoes", ["boot", "sneaker", "sandal", "loafer"]),
    category(FASHION, "jackets", "Jackets", ["jacket", "parka", "blazer", "vest"]),
    category(FASHION, "knitwear", "Knitwear", ["sweater", "cardigan", "scarf", "beanie"]),
    category(FASHION, "shirts", "Shirts", ["shirt", "blouse", "polo", "tunic"]),
    category(FASHION, "bags", "Bags", ["handbag", "satchel", "tote", "wallet"]),
    category(FASHION, "jewellery", "Jewellery", ["necklace", "bracelet", "earring", "brooch"]),
    category(OUTDOOR, "tents", "Tents", ["tent", "tarp", "bivouac", "awning"]),
    category(OUTDOOR, "sleeping", "Sleeping", ["sleeping-bag", "mattress", "pillow", "quilt"]),
    category(OUTDOOR, "backpacks", "Backpacks", ["backpack", "daypack", "duffel", "pannier"]),
    category(OUTDOOR, "cycling", "Cycling", ["saddle", "helmet", "pump", "pedal"]),
    category(OUTDOOR, "climbing", "Climbing", ["rope", "harness", "carabiner", "chalkbag"]),
    category(OUTDOOR, "winter", "Winter", ["ski", "snowboard", "sledge", "snowshoe"]),
    category(OFFICE, "desks", "Desks", ["desk", "workbench", "lectern", "drawer"]),
    category(OFFICE, "paper", "Paper", ["notebook", "planner", "envelope", "sketchbook"]),
    category(OFFICE, "writing", "Writing", ["pen", "pencil", "marker", "inkwell"]),
    category(OFFICE, "audio", "Audio", ["headphone", "speaker", "microphone", "turntable"]),
    category(OFFICE, "displays", "Displays", ["monitor", "projector", "easel", "whiteboard"]),
    category(OFFICE, "keyboards", "Keyboards", ["keyboard", "mouse", "trackball", "stand"]),
];

/// Qualities that titles and searches combine with nouns.
pub const ADJECTIVES: [&str; 32] = [
    "ancient",
    "bright",
    "classic",
    "compact",
    "curved",
    "deep",
    "elegant",
    "foldable",
    "gentle",
    "heavy",
    "hollow",
    "humble",
    "ivory",
    "lively",
    "minimal",
    "modern",
    "narrow",
    "noble",
    "quiet",
    "robust",
    "rustic",
    "sleek",
    "slender",
    "smooth",
    "soft",
    "solid",
    "stackable",
    "sturdy",
    "tall",
    "urban",
    "vivid",
    "wide",
];

/// What things are made of.
pub const MATERIALS: [&str; 20] = [
    "oak",
    "walnut",
    "birch",
    "bamboo",
    "steel",
    "copper",
    "brass",
    "aluminium",
    "linen",
    "wool",
    "cotton",
    "leather",
    "canvas",
    "felt",
    "ceramic",
    "porcelain",
    "granite",
    "marble",
    "glass",
    "cork",
];

/// Every noun with its category, in one row of numbers for choosing by weight.
pub fn noun(index: usize) -> &'static str {
    let category = &CATEGORIES[(index / 4) % CATEGORIES.len()];
    category.nouns[index % 4]
}

/// How many nouns there are.
pub const NOUNS: usize = CATEGORIES.len() * 4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_distinct_uuids_of_version_seven() {
        let ids: HashSet<Uuid> = (0..PRODUCTS).map(product_id).collect();
        assert_eq!(ids.len(), PRODUCTS as usize);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn slugs_and_nouns_are_distinct() {
        let slugs: HashSet<_> = CATEGORIES.iter().flat_map(|c| [c.slug, c.department.0]).collect();
        assert_eq!(slugs.len(), CATEGORIES.len() + 6);
        let nouns: HashSet<_> = (0..NOUNS).map(noun).collect();
        assert_eq!(nouns.len(), NOUNS);
    }
}

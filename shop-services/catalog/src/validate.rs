//! Bounds of what administrators write; each refusal names the field and what would pass.

use shop_contracts::ErrorCode;
use shop_contracts::catalog::{
    Attributes, MAX_DESCRIPTION, MAX_PARTS, MAX_SHORT, MAX_SKU, MAX_TITLE, NewProduct, NewVariant, ProductPatch,
};

use crate::error::Refusal;

/// Checks a product to create.
///
/// # Errors
/// `invalid-field`, naming the first field out of bounds.
pub fn new_product(product: &NewProduct) -> Result<(), Refusal> {
    text("title", &product.title, 1, MAX_TITLE)?;
    text("description", &product.description, 0, MAX_DESCRIPTION)?;
    text("brand", &product.brand, 1, MAX_SHORT)?;
    text("category", &product.category, 1, MAX_SHORT)?;
    attributes("attributes", &product.attributes)?;
    variants(&product.variants)
}

/// Checks a change.
///
/// # Errors
/// `invalid-field`, naming the first field out of bounds.
pub fn patch(patch: &ProductPatch) -> Result<(), Refusal> {
    let ProductPatch { title, description, brand, category, attributes: given, variants: skus } = patch;
    title.as_ref().map_or(Ok(()), |t| text("title", t, 1, MAX_TITLE))?;
    description.as_ref().map_or(Ok(()), |t| text("description", t, 0, MAX_DESCRIPTION))?;
    brand.as_ref().map_or(Ok(()), |t| text("brand", t, 1, MAX_SHORT))?;
    category.as_ref().map_or(Ok(()), |c| text("category", c, 1, MAX_SHORT))?;
    given.as_ref().map_or(Ok(()), |a| attributes("attributes", a))?;
    skus.as_ref().map_or(Ok(()), |v| variants(v))
}

/// Checks one text: its length in characters, and that it holds no control characters but line breaks and tabs.
///
/// # Errors
/// `invalid-field`, naming `field`.
pub fn text(field: &str, value: &str, min: usize, max: usize) -> Result<(), Refusal> {
    let length = value.chars().count();
    if length < min || length > max {
        return Err(invalid(format!("{field} has {length} characters; {min} to {max} pass")));
    }
    if value.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(invalid(format!("{field} holds control characters; line breaks and tabs pass")));
    }
    Ok(())
}

fn attributes(field: &str, attributes: &Attributes) -> Result<(), Refusal> {
    if attributes.len() > MAX_PARTS {
        return Err(invalid(format!("{field} has {} entries; at most {MAX_PARTS} pass", attributes.len())));
    }
    for (name, value) in attributes {
        text(&format!("a name in {field}"), name, 1, MAX_SHORT)?;
        text(&format!("{field}.{name}"), value, 0, MAX_SHORT)?;
    }
    Ok(())
}

fn variants(variants: &[NewVariant]) -> Result<(), Refusal> {
    if variants.is_empty() || variants.len() > MAX_PARTS {
        return Err(invalid(format!("variants has {} entries; 1 to {MAX_PARTS} pass", variants.len())));
    }
    for (at, variant) in variants.iter().enumerate() {
        let sku = &variant.sku;
        let allowed = sku.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        if sku.is_empty() || sku.len() > MAX_SKU || !allowed {
            return Err(invalid(format!("variants[{at}].sku passes with 1 to {MAX_SKU} of A-Z, 0-9 and -")));
        }
        if variants[..at].iter().any(|other| other.sku == *sku) {
            return Err(invalid(format!("variants[{at}].sku repeats {sku}; each variant needs its own")));
        }
        text(&format!("variants[{at}].title"), &variant.title, 1, MAX_SHORT)?;
        attributes(&format!("variants[{at}].attributes"), &variant.attributes)?;
    }
    Ok(())
}

fn invalid(detail: String) -> Refusal {
    Refusal::Known(ErrorCode::InvalidField, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product() -> NewProduct {
        NewProduct {
            title: "Oak table".into(),
            description: String::new(),
            brand: "Elm & Sons".into(),
            category: "tables".into(),
            attributes: Attributes::new(),
            variants: vec![NewVariant { sku: "OAK-1".into(), title: "180 cm".into(), attributes: Attributes::new() }],
        }
    }

    fn refused(change: impl FnOnce(&mut NewProduct)) -> String {
        let mut p = product();
        change(&mut p);
        match new_product(&p) {
            Err(Refusal::Known(ErrorCode::InvalidField, detail)) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sound_product_passes() {
        new_product(&product()).unwrap();
    }

    #[test]
    fn every_refusal_names_the_field() {
        assert!(refused(|p| p.title = "x".repeat(201)).starts_with("title has 201"));
        assert!(refused(|p| p.title = "a\0b".into()).starts_with("title holds control"));
        assert!(refused(|p| p.brand.clear()).starts_with("brand has 0"));
        assert!(refused(|p| p.variants.clear()).starts_with("variants has 0"));
        assert!(refused(|p| p.variants[0].sku = "oak".into()).starts_with("variants[0].sku passes"));
        assert!(refused(|p| p.variants.push(p.variants[0].clone())).starts_with("variants[1].sku repeats OAK-1"));
        assert!(refused(|p| drop(p.attributes.insert("k".into(), "v".repeat(101)))).starts_with("attributes.k has"));
    }
}

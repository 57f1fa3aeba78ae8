/// What a codec is made of, before training: zero or more transforms, then one quantizer.
///
/// Written as a factory string after FAISS's habit, for instance `PCA128,SQ8`: `init(parsing:)` and
/// `description` are inverse.
public struct CodecConfiguration: Hashable, Sendable {
    // Replaced by the codec work.
    package init() {}
}

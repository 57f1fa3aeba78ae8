/// Blocks in which every token sees its whole sequence (or what the configuration's pattern lets it see).
///
/// The block of BERT and its kin is `EncoderBlock`; `TransformerConfiguration.bert` has its kinds and keys.
public typealias EncoderBlock = TransformerBlock
/// A stack of blocks over tokens that are vectors already.
public typealias TransformerEncoder = TransformerStack

/// Blocks in which a token sees those before it: `TransformerBlock` with a causal pattern.
public typealias DecoderBlock = TransformerBlock

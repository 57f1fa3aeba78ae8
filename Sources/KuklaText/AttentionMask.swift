public import KuklaNN
import KuklaTensor

/// Which tokens of a text a token attends to.
public enum AttentionMask: String, Sendable, RecipeChoice {
    /// All of them, as in an encoder.
    case bidirectional
    /// Itself and those before it, as in a language model; `"is_decoder": true` in `config.json`.
    case causal

    var pattern: AttentionPattern { self == .causal ? .causal : .full }
}

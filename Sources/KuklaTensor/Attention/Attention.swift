import KuklaNumerics

extension Tensor {
    /// Attention over packed sequences: each query's mean of the values that it sees, weighted by
    /// `softmax(scale * q . k + bias)`.
    ///
    /// *Shapes:* `query [tokens, heads * headDimensions]`, `key` and `value [keyTokens, keyValueHeads * headDimensions]`, each
    /// any columns of a matrix; the result is `[tokens, heads * headDimensions]`. Sequence i of `queries` sees sequence i of
    /// `keys` (the same ones without). A query that sees no key gets zeros.
    /// *Memory:* the result and one number for each head and token are kept; probabilities are computed again on the way
    /// back, some rows at a time.
    /// - Complexity: O(heads * headDimensions * pairs seen).
    /// *Source:* Vaswani et al. 2017, arXiv:1706.03762; Dao 2023, "FlashAttention-2", arXiv:2307.08691.
    public static func attention(
        query: TensorColumns, key: TensorColumns, value: TensorColumns, shape: AttentionShape,
        queries: SequenceLengths, keys: SequenceLengths? = nil, options: AttentionOptions = AttentionOptions()
    ) -> Tensor {
        let plan = AttentionPlan(
            query: query, key: key, value: value, shape: shape, queries: queries, keys: keys ?? queries,
            options: options)
        let (output, logSums) = plan.forward()
        var inputs = [query.tensor, key.tensor, value.tensor]
        if let bias = options.bias.tensor { inputs.append(bias) }
        return output.recorded("attention", from: inputs) { gradient, accumulator in
            Tape.requireFirstOrder("attention")
            plan.backward(gradient, output: output, logSums: logSums, into: &accumulator)
        }
    }

    /// `attention` of all columns of three matrices.
    public static func attention(
        query: Tensor, key: Tensor, value: Tensor, shape: AttentionShape,
        queries: SequenceLengths, keys: SequenceLengths? = nil, options: AttentionOptions = AttentionOptions()
    ) -> Tensor {
        attention(
            query: TensorColumns(query), key: TensorColumns(key), value: TensorColumns(value), shape: shape,
            queries: queries, keys: keys, options: options)
    }

    /// `attention` of queries, keys and values that stand side by side, as one product makes them: `[tokens, fusedWidth]`.
    public func attention(
        shape heads: AttentionShape, lengths: SequenceLengths, options: AttentionOptions = AttentionOptions()
    ) -> Tensor {
        contract(
            rank == 2 && shape[1] == heads.fusedWidth,
            "attention: queries, keys and values of shape \(shape), expected [tokens, \(heads.fusedWidth)]")
        let (q, k) = (heads.queryWidth, heads.keyWidth)
        return Tensor.attention(
            query: TensorColumns(self, 0..<q), key: TensorColumns(self, q..<q + k),
            value: TensorColumns(self, q + k..<q + 2 * k), shape: heads, queries: lengths, options: options)
    }
}

import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaTensor
import KuklaTestSupport
import KuklaText
import Testing

@Suite struct TokenVectorTests {
    @Test(arguments: [nil, 1]) func `token vectors are those of the module, divided by their norms`(
        layers: Int?
    ) throws {
        let golden = try TinyGolden.load()
        let folder = try EncoderFolder()
        defer { folder.remove() }
        // What comes after the last layer plays no part.
        try folder.setModules([("2_Dense", "Dense"), ("3_Normalize", "Normalize")])
        let encoder = try TextEncoder(folder: folder.url)
        let (ids, offsets) = flattened(golden.ids)
        let found = try encoder.encodeTokens(ids: ids, offsets: offsets, layers: layers, threads: 2)
        #expect(found.offsets == offsets && found.dimensions == encoder.tokenDimensions)
        var batch = TokenBatch()
        batch.ids = ids
        batch.offsets = offsets
        let module = try TextEncoderModule(folder: folder.url)
        let expected = module.tokenVectors(batch, layers: layers).matrix
        for row in 0..<expected.rows {
            let norm = expected.row(row).reduce(0) { $0 + $1 * $1 }.squareRoot()
            let worst = zip(found.vectors.row(row), expected.row(row)).map { abs($0 - $1 / norm) }.max()!
            #expect(worst < 1e-5, "token \(row)")
        }

        // Tokens at the ends leave the others as they are; what is too short has none.
        let inner = try encoder.encodeTokens(
            ids: ids, offsets: offsets, excludingLeading: 2, trailing: 1, layers: layers, threads: 1)
        for (sequence, length) in golden.ids.map(\.count).enumerated() {
            #expect(inner[sequence].rows == max(0, length - 3))
            if length > 3 { #expect(inner[sequence] == found[sequence][rows: 2..<length - 1]) }
        }
    }

    /// `(row, vector)` of what each token should be: a linear layer of its state, an activation, length 1.
    private func expectHead(
        _ found: VectorSets, of states: Matrix, weight: [Float], bias: [Float],
        activation: (Float) -> Float = { $0 }
    ) {
        #expect(found.vectors.rows == states.rows && found.dimensions == bias.count)
        for row in 0..<states.rows {
            let state = states.row(row)
            let values = bias.indices.map { output in
                activation(
                    bias[output]
                        + state.indices.reduce(0) { $0 + weight[output * state.count + $1] * state[$1] })
            }
            let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let worst = zip(found.vectors.row(row), values).map { abs($0 - $1 / norm) }.max()!
            #expect(worst < 1e-5, "token \(row)")
        }
    }

    private func batch(_ sequences: [[Int32]]) -> TokenBatch {
        var batch = TokenBatch()
        (batch.ids, batch.offsets) = flattened(sequences)
        return batch
    }

    @Test func `without pooling a dense layer stands behind every token, and there is no vector of a text`()
        throws
    {
        let golden = try TinyGolden.load()
        let folder = try EncoderFolder()
        defer { folder.remove() }
        let tokens = batch(golden.ids)
        let states = try TextEncoderModule(folder: folder.url).tokenVectors(tokens).matrix
        let file = try SafetensorsFile(folder.url.appending(path: "2_Dense/model.safetensors"))
        try folder.setAllModules([("", "Transformer"), ("2_Dense", "Dense")])
        let encoder = try TextEncoder(folder: folder.url)
        #expect(encoder.isLateInteraction && encoder.tokenDimensions == 20 && encoder.stateDimensions == 36)
        let found = try encoder.encodeTokens(ids: tokens.ids, offsets: tokens.offsets, threads: 2)
        expectHead(
            found, of: states, weight: try file.floats(named: "linear.weight"),
            bias: try file.floats(named: "linear.bias"), activation: { Float(tanh(Double($0))) })
        let raw = try encoder.tokenStates(ids: tokens.ids, offsets: tokens.offsets, threads: 2)
        #expect(zip(raw.vectors.elements, states.elements).allSatisfy { abs($0 - $1) < 1e-4 })
        #expect(throws: KuklaError.self) { try encoder.encode(ids: tokens.ids, offsets: tokens.offsets) }
        #expect(throws: KuklaError.self) { try TextEncoderModule(folder: folder.url) }
        for (key, value) in [("query_prefix", "[Q] " as Any), ("do_query_expansion", true)] {
            try folder.write("config_sentence_transformers.json", "{\"skiplist_words\": []}")
            try folder.set("config_sentence_transformers.json", key, value)
            let error = #expect(throws: KuklaError.self) { try TextEncoder(folder: folder.url) }
            #expect(error?.code == .unsupported && error?.message.contains(key) == true)
        }
    }

    @Test func `a head that was written is the head that is read`() throws {
        let golden = try TinyGolden.load()
        let folder = try EncoderFolder()
        defer { folder.remove() }
        let tokens = batch(golden.ids)
        let states = try TextEncoderModule(folder: folder.url).tokenVectors(tokens).matrix
        var random = RandomSource(seed: 4)
        let weight = Matrix(rows: 7, columns: 36, elements: (0..<7 * 36).map { _ in random.normal() })
        let bias = (0..<7).map { _ in random.normal() }
        let target = folder.url.appending(path: "late")
        try LateInteractionFolder.write(
            to: target, base: folder.url, weight: weight, bias: bias, maximumLength: 9,
            card: ModelCard(base: "tiny", objective: "None.", examples: 1, steps: 0))
        let encoder = try TextEncoder(folder: target)
        #expect(encoder.maximumLength == 9)
        expectHead(
            try encoder.encodeTokens(ids: tokens.ids, offsets: tokens.offsets), of: states,
            weight: weight.elements, bias: bias)
        let card = try String(contentsOf: target.appending(path: "README.md"), encoding: .utf8)
        #expect(card.contains("library_name: PyLate") && card.contains("7 dimensions"))
    }

    @Test(.enabled(if: SharedData.model != nil))
    func `the real model's words have vectors, its special tokens if wanted`() throws {
        let model = try EmbeddingModel(folder: try #require(SharedData.model))
        let texts = ["a river bank", "", "a bank account", String(repeating: "word ", count: 400)]
        let tokens = try model.embedTokens(texts)
        #expect((0..<4).map { tokens.sets[$0].rows } == [3, 0, 3, 254] && tokens.truncatedCount == 1)
        #expect(tokens.sets.dimensions == 384)
        let all = try model.embedTokens(texts, includingSpecialTokens: true)
        #expect((0..<4).map { all.sets[$0].rows } == [5, 2, 5, 256])
        #expect(all.sets[2][rows: 1..<4] == tokens.sets[2])
        // "bank" beside "river" is not "bank" beside "account".
        let (river, account) = (tokens.sets[0].row(2), tokens.sets[2].row(1))
        let cosine = zip(river, account).reduce(0) { $0 + $1.0 * $1.1 }
        #expect((0.1...0.9).contains(cosine), "\(cosine)")
    }
}

import Foundation
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

import Foundation
import KuklaCodecs
import KuklaNumerics
import Testing

@Suite struct CodecConfigurationTests {
    @Test(arguments: [
        "F32", "F16", "BF16", "SQ8", "SQ6", "SQ4", "B1", "RQ1", "RQ8", "RBE384", "RBE384x2", "PQ48", "PQ48x4",
        "PQ16x5",
        "PQ48x4fs",
        "MRL128,F32", "PCA128,SQ8", "PCAW64,F16", "PCAR64,B1", "RR,SQ4", "RR64,F32", "OPQ16,PQ16",
        "OPQ16_64,PQ16x4fs", "MRL256,PCA64,RR,SQ8",
    ])
    func `a canonical string reads and prints as itself`(string: String) throws {
        let configuration = try CodecConfiguration(parsing: string)
        #expect(configuration.description == string)
        #expect(try CodecConfiguration(parsing: configuration.description) == configuration)
    }

    @Test(arguments: [
        ("Flat", "F32"), ("PCA128", "PCA128,F32"), ("PQ8x8", "PQ8"), ("MRL8,Flat", "MRL8,F32"),
        ("RBE8x1", "RBE8"),
    ])
    func `short forms print in canonical form`(short: String, canonical: String) throws {
        #expect(try CodecConfiguration(parsing: short).description == canonical)
    }

    @Test(arguments: [
        ("PAC128", "PCA128"), ("sq8", "SQ8"), ("SQ7", "SQ8"), ("PQ48x4sf", "PQ48x4fs"), ("F23", "F32"),
        ("MLR64", "MRL64"),
        ("PCA128,QS4", "SQ4"), ("RQ9", "RQ8"), ("RBE384x9", "RBE384x8"), ("RBF384x2", "RBE384x2"),
        ("flat", "Flat"), ("OPQ16-64", "OPQ16_64"),
    ])
    func `an unknown word names the nearest known one`(string: String, nearest: String) {
        let error = #expect(throws: KuklaError.self) { try CodecConfiguration(parsing: string) }
        #expect(error?.code == .usage)
        #expect(error?.message.contains("did you mean '\(nearest)'?") == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        "", ",", "SQ8,", ",SQ8", "SQ8,PCA8", "SQ8,SQ4", "PCA", "PCA0", "PCA-1", "PCA1.5",
        "PCA99999999999999999999", "MRL070000",
        "PQ", "PQx4", "PQ8x", "PQ8x0", "PQ8x13", "PQ8x4x4", "OPQ", "OPQ8_", "OPQ8_x", "RQ", "RQ0", "B2",
        "RBE", "RBE0", "RBE8x", "RBE8x0", "RBE8x2x2",
        " SQ8", "SQ8 ",
        "SQ8\0", "ＳＱ８", "PCA１２", String(repeating: "SQ8,", count: 1000),
        String(repeating: "x", count: 100_000),
    ])
    func `nonsense is refused with a sentence`(string: String) {
        let error = #expect(throws: KuklaError.self) { try CodecConfiguration(parsing: string) }
        #expect(error?.code == .usage)
    }

    @Test(arguments: [
        ("PCA64", 32), ("MRL33", 32), ("RR33", 32), ("PQ5", 32), ("PQ5x4fs", 32), ("PCA30,PQ4", 32),
        ("OPQ5", 32), ("OPQ8_36", 32),
        ("OPQ8_20", 32), ("F32", 0), ("SQ8", -1), ("PCA8,MRL16", 32), ("PCA8,RBE8", 32), ("RR8,RBE8", 32),
    ])
    func `dimensions that do not fit are refused`(string: String, dimensions: Int) throws {
        let configuration = try CodecConfiguration(parsing: string)
        let error = #expect(throws: KuklaError.self) { try configuration.validate(dimensions: dimensions) }
        #expect(error?.code == .usage)
        #expect(throws: KuklaError.self) {
            try configuration.bytesPerVector(dimensions: dimensions, metric: .cosine)
        }
    }

    @Test(arguments: [
        ("F32", 1536.0), ("F16", 768), ("SQ8", 384), ("SQ6", 288), ("SQ4", 192), ("PCA128,SQ8", 128),
        ("B1", 48), ("RQ4", 200),
        ("PQ48", 48), ("PQ48x4", 24), ("PQ48x4fs", 24), ("PQ3x5", 2), ("MRL100,B1", 13),
        ("RBE384", 50), ("RBE384x2", 98), ("RBE384x4", 194), ("RBE768x3", 290),
    ])
    func `bytes a vector follow from the words`(string: String, bytes: Double) throws {
        let configuration = try CodecConfiguration(parsing: string)
        #expect(try configuration.bytesPerVector(dimensions: 384, metric: .cosine) == bytes)
    }

    @Test(arguments: [
        ("SQ8", 388.0), ("SQ4", 196), ("B1", 52), ("PQ48", 52), ("PQ48x4fs", 28), ("F16", 768),
        ("PCA44,SQ8", 48), ("RQ3", 152),
    ])
    func `the inner product keeps a factor beside scalar codes and signs`(string: String, bytes: Double)
        throws
    {
        let configuration = try CodecConfiguration(parsing: string)
        #expect(try configuration.bytesPerVector(dimensions: 384, metric: .innerProduct) == bytes)
    }

    @Test func `a configuration is coded as its factory string`() throws {
        let configuration = try CodecConfiguration(parsing: "PCA128,SQ8")
        let data = try JSONEncoder().encode([configuration])
        #expect(String(decoding: data, as: UTF8.self) == "[\"PCA128,SQ8\"]")
        #expect(try JSONDecoder().decode([CodecConfiguration].self, from: data) == [configuration])
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode([CodecConfiguration].self, from: Data("[\"PAC\"]".utf8))
        }
    }
}

import KuklaCodecs
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct IndexConfigurationTests {
    @Test(arguments: [
        "F32", "SQ8", "PCA128,SQ8", "PQ48x4fs,Refine(SQ8)", "B1,Refine(F16,factor=20)", "MRL64,SQ4",
        "OPQ8_64,PQ8,Refine(PCA64,SQ8,factor=3)", "PCA16,SQ4,Refine(PCA32,F16)",
    ])
    func `a factory string is printed as it was read`(string: String) throws {
        #expect(try IndexConfiguration(parsing: string).description == string)
    }

    @Test func `what is the default is not printed`() throws {
        #expect(try IndexConfiguration(parsing: "Flat").description == "F32")
        #expect(try IndexConfiguration(parsing: "B1,Refine(Flat,factor=10)").description == "B1,Refine(F32)")
        #expect(try IndexConfiguration(parsing: "B1,Refine(SQ8)").refinement?.factor == 10)
    }

    @Test(arguments: [
        ("SQ9", "SQ8"), ("SQ8,Refine(SQ9)", "SQ8"), ("SQ8,Refine", "parentheses"),
        ("SQ8,Refin(SQ8)", "Refine"),
        ("SQ8,Refine(SQ8", "closed"), ("SQ8,Refine(SQ8)x", "follows"), ("Refine(SQ8)", "after a codec"),
        ("SQ8Refine(SQ8)", "after a codec"), ("SQ8,Refine(SQ8,factor=0)", "factor"),
        ("SQ8,Refine(SQ8,factor=99999999999999999999)", "factor"), ("SQ8,Refine(SQ8,fcator=2)", "factor"),
        ("SQ8,Refine()", "Empty"), ("", "Empty"), ("B1,Refine(PQ48x4fs)", "blocks"),
        ("B1,Refine(SQ8),Refine(F16)", "SQ8)"),
    ])
    func `an unknown word is answered by what could be meant`(string: String, answer: String) {
        expectError(.usage, answer) { try IndexConfiguration(parsing: string) }
    }

    @Test func `bytes by arithmetic are those of the trained index`() throws {
        let vectors = Matrix.random(rows: 200, columns: 32, seed: 1)
        for string in ["F32", "SQ8", "PCA16,SQ4,Refine(SQ8)", "F16", "MRL8,F32,Refine(BF16)"] {
            for metric in Metric.allCases {
                let configuration = try IndexConfiguration(parsing: string)
                let index = try configuration.train(on: vectors, metric: metric)
                #expect(
                    try configuration.bytesPerVector(dimensions: 32, metric: metric) == index.bytesPerVector,
                    "\(string) \(metric)")
            }
        }
    }

    /// Recall as observed with these seeds; the ranges leave room for rounding on another CPU level only.
    @Test(arguments: [
        ("F32", 1.0...1.0), ("F16", 0.99...1.0), ("SQ8", 0.95...1.0), ("SQ4", 0.60...0.90),
        ("PCA12,F32", 0.15...0.6),
        ("SQ4,Refine(F32)", 0.99...1.0), ("PCA12,SQ8,Refine(SQ8)", 0.6...1.0),
        ("MRL12,F32,Refine(F16,factor=60)", 0.99...1.0),
    ])
    func `every configuration keeps to the rules`(string: String, recall: ClosedRange<Double>) throws {
        for metric in Metric.allCases {
            // Beside the rules for an index in memory: what is saved and opened finds the same.
            try checkVectorIndex(metric: metric, recall: recall) { vectors in
                var index = try IndexConfiguration(parsing: string).train(on: vectors, metric: metric)
                try index.insert(vectors)
                return index
            }
        }
    }
}

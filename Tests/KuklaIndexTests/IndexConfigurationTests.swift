import KuklaCodecs
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct IndexConfigurationTests {
    @Test(arguments: [
        "F32", "SQ8", "PCA128,SQ8", "PQ48x4fs,Refine(SQ8)", "B1,Refine(F16,factor=20)", "MRL64,SQ4",
        "OPQ8_64,PQ8,Refine(PCA64,SQ8,factor=3)", "PCA16,SQ4,Refine(PCA32,F16)", "HNSW16,F32",
        "HNSW32_200,PCA16,SQ8", "HNSW8,B1,Refine(F16,factor=20)", "IVF256,PQ8x4fs,Refine(SQ8)",
        "IVF64r,PQ8x4fs", "IVF64b,F32", "IVF4096_HNSW32,SQ8", "IVF4096rb_HNSW16,PQ8x4fs,Refine(SQ8)",
        "PQ48x4fs,Tiered(F32,factor=20)", "HNSW16,SQ8,Tiered(F32)", "B1,Tiered(SQ8,factor=5,weight=0.3)",
        "IVF64,PQ8,Tiered(PCA16,F16)", "SQ4,Refine(SQ8,weight=1.0)",
    ])
    func `a factory string is printed as it was read`(string: String) throws {
        #expect(try IndexConfiguration(parsing: string).description == string)
    }

    @Test func `what is the default is not printed`() throws {
        #expect(try IndexConfiguration(parsing: "Flat").description == "F32")
        #expect(try IndexConfiguration(parsing: "HNSW16_128").description == "HNSW16,F32")
        #expect(try IndexConfiguration(parsing: "B1,Refine(Flat,factor=10)").description == "B1,Refine(F32)")
        #expect(try IndexConfiguration(parsing: "B1,Refine(SQ8)").refinement?.factor == 10)
        #expect(
            try IndexConfiguration(parsing: "B1,Tiered(Flat,weight=0,factor=10)").description
                == "B1,Tiered(F32)")
    }

    @Test(arguments: [
        ("SQ9", "SQ8"), ("SQ8,Refine(SQ9)", "SQ8"), ("SQ8,Refine", "parentheses"),
        ("SQ8,Refin(SQ8)", "Refine"),
        ("SQ8,Refine(SQ8", "closed"), ("SQ8,Refine(SQ8)x", "follows"), ("Refine(SQ8)", "after a codec"),
        ("SQ8Refine(SQ8)", "after a codec"), ("SQ8,Refine(SQ8,factor=0)", "factor"),
        ("SQ8,Refine(SQ8,factor=99999999999999999999)", "factor"), ("SQ8,Refine(SQ8,fcator=2)", "factor"),
        ("SQ8,Refine()", "Empty"), ("", "Empty"), ("B1,Refine(PQ48x4fs)", "blocks"),
        ("B1,Tiered(PQ48x4fs)", "blocks"), ("B1,Tiered", "parentheses"), ("B1,Tierd(F32)", "Tiered"),
        ("B1,Tiered(F32", "closed"), ("B1,Tiered(F32,weight=-1)", "weight"),
        ("B1,Tiered(F32,weight=inf)", "weight"), ("B1,Tiered(F32,weight=nan)", "weight"),
        ("B1,Refine(SQ8),Refine(F16)", "SQ8)"), ("HNSW", "HNSWm"), ("HNSW1,SQ8", "from 2"),
        ("HNSW16_,SQ8", "HNSWm"), ("HNSW16_1_2", "HNSWm"), ("HNSWx", "HNSWm"), ("HNSW16,SQ9", "SQ8"),
        ("HNSW16,", "Empty"), ("HNSW99999999999999999999", "HNSWm"), ("SQ8,HNSW16", "follows"),
        ("IVF", "IVFn"), ("IVF0,SQ8", "IVFn"), ("IVF4_4", "IVFn"), ("IVF99999,SQ8", "65536"),
        ("IVF4br,F32", "IVFn"), ("IVF4x,F32", "IVFn"), ("IVF4_HNSW1,F32", "_HNSWm"),
        ("IVF4_HNSW,F32", "_HNSWm"), ("IVF4r_HNSW8_9,F32", "_HNSWm"), ("IVF4_,F32", "_HNSWm"),
    ])
    func `an unknown word is answered by what could be meant`(string: String, answer: String) {
        expectError(.usage, answer) { try IndexConfiguration(parsing: string) }
    }

    @Test func `bytes by arithmetic are those of the trained index`() throws {
        let vectors = Matrix.random(rows: 200, columns: 32, seed: 1)
        for string in [
            "F32", "SQ8", "PCA16,SQ4,Refine(SQ8)", "F16", "MRL8,F32,Refine(BF16)", "HNSW16,B1,Refine(F16)",
            "IVF4r,B1", "IVF4r,PQ8x4,Refine(F16)", "IVF4r,MRL8,SQ8",
            "B1,Tiered(F32)", "HNSW16,B1,Tiered(F16)", "IVF4,B1,Tiered(F16)",
        ] {
            for metric in Metric.allCases {
                let configuration = try IndexConfiguration(parsing: string)
                let index = try configuration.makeIndex(on: vectors, metric: metric)
                #expect(
                    try configuration.bytesPerVector(dimensions: 32, metric: metric) == index.bytesPerVector,
                    "\(string) \(metric)")
            }
        }
    }

    /// The ranges hold what was observed with the three metrics (in comments) and a little to either side.
    @Test(arguments: [
        ("F32", 1.0...1.0),
        ("F16", 0.995...1),  // 0.998 to 1
        ("SQ8", 0.98...0.998),  // 0.988 to 0.994
        ("SQ4", 0.84...0.92),  // 0.868 to 0.890
        ("PCA12,F32", 0.27...0.40),  // 0.298 to 0.364
        ("SQ4,Refine(F32)", 0.998...1),  // 1
        ("PCA12,SQ8,Refine(SQ8)", 0.85...0.95),  // 0.876 to 0.932
        ("MRL12,F32,Refine(F16,factor=60)", 0.995...1),  // 0.998 to 1
        ("HNSW4_40,F32", 0.66...0.78),  // 0.708 to 0.724
        ("HNSW8,SQ8", 0.85...0.93),  // 0.886 to 0.890
        ("HNSW8,B1,Refine(F32,factor=2)", 0.5...0.95),
        ("RBE48x2,Refine(RBE48x8)", 0.9...1),
        ("HNSW8,RBE48x4", 0.7...0.98),
        ("IVF16,F32", 0.7...1),
        ("IVF16,PQ12,Refine(F32)", 0.7...1),
        ("IVF16r,F32", 0.7...1),
        ("IVF16r,PQ12,Refine(F32)", 0.7...1),
        ("IVF16rb_HNSW4,SQ8", 0.7...1),
        ("IVF16r,B1", 0.2...0.9),
        ("IVF16,PQ12,Refine(F32)", 0.7...1), ("SQ4,Tiered(F32)", 0.998...1),
        ("HNSW8,B1,Tiered(F32,factor=2)", 0.5...0.95), ("IVF16,PQ12,Tiered(F32,weight=0.1)", 0.7...1),
    ])
    func `every configuration keeps to the rules`(string: String, recall: ClosedRange<Double>) throws {
        for metric in string.contains("RBE") ? [.cosine] : Metric.allCases {
            try checkVectorIndex(metric: metric, recall: recall) { vectors in
                var index = try IndexConfiguration(parsing: string).makeIndex(on: vectors, metric: metric)
                try index.insert(vectors, threads: 2)
                if var walking = index as? HNSWIndex {
                    // So narrow that a walk is worth it among 600 vectors.
                    walking.effort = 20
                    index = walking
                }
                return index
            }
        }
    }
}

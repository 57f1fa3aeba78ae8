import KuklaEvaluation
import KuklaNumerics
import Testing

@Suite struct TaskTests {
    /// A vector at an angle given in the text, so that cosines are known.
    static func angles(_ texts: [String]) -> Matrix {
        var matrix = Matrix(rows: texts.count, columns: 2)
        for (row, text) in texts.enumerated() {
            let x = Float(text) ?? 0
            // Points on the unit circle by its rational form, times 3: lengths must not matter.
            matrix[row, 0] = 3 * (1 - x * x) / (1 + x * x)
            matrix[row, 1] = 3 * 2 * x / (1 + x * x)
        }
        return matrix
    }

    @Test func `STS embeds each sentence once and correlates`() throws {
        let task = STSTask(pairs: [
            .init(first: "0", second: "0", score: 5), .init(first: "0", second: "0.1", score: 4),
            .init(first: "0.2", second: "0", score: 3), .init(first: "0", second: "0.9", score: 1),
        ])
        var asked: [String] = []
        let result = try task.evaluate { texts in
            asked += texts
            return Self.angles(texts)
        }
        #expect(asked == ["0", "0.1", "0.2", "0.9"])
        #expect(abs(result.spearman - 1) < 1e-12)
        #expect(result.pearson > 0.8 && result.pearson < 1)
        #expect(result.pairCount == 4)
        #expect(throws: KuklaError.self) {
            _ = try task.evaluate { Matrix(rows: $0.count, columns: 2) }
        }
    }

    @Test func `retrieval ranks by cosine and leaves the question's own document out`() throws {
        let qrels = Qrels(["q": ["near": 1], "far": ["q": 1]])
        let task = try RetrievalTask(
            documents: [
                .init(id: "q", text: "0"), .init(id: "near", text: "0.1"), .init(id: "far", text: "0.8"),
            ],
            queries: [
                .init(id: "q", text: "0"), .init(id: "far", text: "0.7"), .init(id: "unjudged", text: "0.5"),
            ], qrels: qrels)
        #expect(task.queries.map(\.id) == ["q", "far"])
        let evaluation = try task.evaluate(documentEmbedding: Self.angles, queryEmbedding: Self.angles)
        // q: itself is left out, then near (relevant); far: itself left out, near, then q (relevant).
        #expect(evaluation.perQuery(.reciprocalRank(at: 10)).map(\.value) == [0.5, 1])
        var all = task
        all.ignoresOwnDocument = false
        let own = try all.evaluate(documentEmbedding: Self.angles, queryEmbedding: Self.angles)
        #expect(own.perQuery(.reciprocalRank(at: 10)).map(\.value) == [1.0 / 3, 0.5])
        all.depth = 1
        let shallow = try all.evaluate(documentEmbedding: Self.angles, queryEmbedding: Self.angles)
        #expect(shallow.mean(of: .averagePrecision) == 0)
    }

    /// Two words of which one stands in the partner, and a sum of greatest products: no mean of the words finds it.
    @Test func `partners are found by late interaction`() throws {
        let words = ["a", "b", "c", "d", "e", "f"]
        let task = PairRetrievalTask(pairs: [
            ("ab", "acc"), ("cd", "ddd"), ("ef", "eef"), ("b", "bdf"),
        ])
        let result = try task.evaluate { (texts: [String]) -> VectorSets in
            VectorSets(
                texts.map { text in
                    Matrix(
                        rows: text.count, columns: 6,
                        elements: text.flatMap { letter in words.map { $0 == String(letter) ? 1 : 0 } })
                }, dimensions: 6)
        }
        // "ab" finds "acc" and "bdf" alike (1 each), "cd" finds "acc", "ddd" and "bdf" alike: a tie is no find.
        #expect(result.queryCount == 4 && result.candidateCount == 4)
        #expect(result.recallAt1 == 0.5 && result.recallAt10 == 1)
        #expect(abs(result.mrrAt10 - (0.5 + 1 / 3.0 + 1 + 1) / 4) < 1e-12)
    }

    @Test func `questions may be embedded in another way than what they look for`() throws {
        let task = PairRetrievalTask(pairs: [("a", "b"), ("c", "d"), ("b", "a")])
        // As itself a text finds itself alone, which does not count; as the next letter its partner, but for "b".
        func place(_ text: String, _ shift: UInt32) -> [Float] {
            let letter = (text.unicodeScalars.first?.value ?? 0) - 97 + shift
            return (0..<5).map { $0 == letter ? 1 : 0 }
        }
        func matrix(_ texts: [String], _ shift: UInt32) -> Matrix {
            Matrix(rows: texts.count, columns: 5, elements: texts.flatMap { place($0, shift) })
        }
        let result = try task.evaluate {
            matrix($0, 1)
        } candidates: {
            matrix($0, 0)
        }
        #expect(result.queryCount == 3 && result.candidateCount == 3)
        #expect(abs(result.recallAt1 - 2 / 3.0) < 1e-12)
        #expect(try task.evaluate(embedding: { matrix($0, 0) }).recallAt1 == 0)
    }

    @Test func `a task without ground to stand on is refused`() throws {
        let text = RetrievalTask.Text(id: "a", text: "0")
        let qrels = Qrels(["a": ["a": 1]])
        #expect(throws: KuklaError.self) {
            _ = try RetrievalTask(documents: [text, text], queries: [text], qrels: qrels)
        }
        #expect(throws: KuklaError.self) {
            _ = try RetrievalTask(documents: [], queries: [text], qrels: qrels)
        }
        #expect(throws: KuklaError.self) {
            _ = try RetrievalTask(documents: [text], queries: [text], qrels: Qrels())
        }
        let task = try RetrievalTask(documents: [text], queries: [text], qrels: qrels)
        #expect(throws: KuklaError.self) {
            _ = try task.evaluate(
                documentEmbedding: { Matrix(rows: $0.count, columns: 2) }, queryEmbedding: Self.angles)
        }
    }
}

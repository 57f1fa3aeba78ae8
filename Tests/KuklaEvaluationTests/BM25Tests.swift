import Foundation
import KuklaEvaluation
import KuklaTestSupport
import Testing

@Suite struct BM25Tests {
    @Test func `scores are what the formula says`() {
        let index = BM25(["The cat sat, the cat ran.", "a dog sat", "nothing here at all"], k1: 1.2, b: 0.75)
        let found = index.scores("CAT sat sat")
        let mean = (6.0 + 3 + 4) / 3
        func term(_ frequency: Double, _ length: Double, in documents: Double) -> Double {
            log(1 + (3 - documents + 0.5) / (documents + 0.5)) * frequency
                / (frequency + 1.2 * (0.25 + 0.75 * length / mean))
        }
        #expect(abs(Double(found[0]) - term(2, 6, in: 1) - 2 * term(1, 6, in: 2)) < 1e-5)
        #expect(abs(Double(found[1]) - 2 * term(1, 3, in: 2)) < 1e-5)
        #expect(found[2] == 0)
        #expect(index.scores("unknown words") == [0, 0, 0])
        #expect(BM25([]).scores("x").isEmpty)
    }

    @Test func `a task is evaluated by words`() throws {
        var qrels = Qrels()
        qrels.add(query: "q", document: "b", grade: 1)
        let task = try RetrievalTask(
            documents: [.init(id: "a", text: "one two"), .init(id: "b", text: "three four")],
            queries: [.init(id: "q", text: "Four?")], qrels: qrels)
        #expect(try BM25.evaluate(task).mean(of: .nDCG(at: 10)) == 1)
    }
}

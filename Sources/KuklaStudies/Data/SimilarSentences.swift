import KuklaFormats
import KuklaNumerics

extension StudyBench {
    /// The STS benchmark: 5,749 pairs of sentences with scores from 0 to 5 to learn from (`train`), 1,379 to judge by (`test`) (Cer et
    /// al. 2017).
    func stsBenchmark(_ part: String) throws(KuklaError) -> [SentencePair] {
        try SentencePair.readAll(data("stsbenchmark/sts-\(part).csv"), scores: 0...5)
    }
}

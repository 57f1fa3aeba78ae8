import KuklaFormats
import KuklaNumerics

/// Texts that people sorted into classes.
struct LabelledTexts: Sendable {
    let name: String
    let texts: [String]
    /// The class of each text.
    let labels: [Int]
}

extension StudyBench {
    /// The test articles of AG News: 7,600 titles with a sentence, 1,900 in each of 4 classes (Zhang et al. 2015).
    func agNews() throws(KuklaError) -> LabelledTexts {
        let reader = try DelimitedReader(ByteSource(data("ag_news/test.csv.gz")), dialect: .csv)
        var texts: [String] = []
        var labels: [Int] = []
        while try reader.next() {
            guard reader.fieldCount == 3, let label = Int(try reader.field(0)) else {
                throw reader.failure("expected class, title and description")
            }
            labels.append(label)
            texts.append(try reader.field(1) + ". " + reader.field(2))
        }
        return LabelledTexts(name: "AG News", texts: texts, labels: labels)
    }
}

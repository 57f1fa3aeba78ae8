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

    /// 10,000 other articles of AG News to learn from, with their true classes (Huang et al. 2024, "NoisyAG-News"), in the numbers of
    /// `agNews`.
    func agNewsTraining() throws(KuklaError) -> LabelledTexts {
        let reader = try DelimitedReader(
            ByteSource(data("ag_news/noisy_ag_news_10000_train_origin.csv.gz")), dialect: .csv)
        var texts: [String] = []
        var labels: [Int] = []
        var isFirst = true
        while try reader.next() {
            defer { isFirst = false }
            if isFirst { continue }
            guard reader.fieldCount == 4, let label = Int(try reader.field(1)) else {
                throw reader.failure("expected crowd label, class, text and group")
            }
            labels.append(label + 1)
            texts.append(try reader.field(2))
        }
        return LabelledTexts(name: "AG News", texts: texts, labels: labels)
    }

    /// Titles of papers of seven fields (Beltagy et al. 2019, "SciBERT", from the Microsoft Academic Graph): `dev` or `test`.
    func paperFields(_ part: String) throws(KuklaError) -> LabelledTexts {
        func column(_ name: String) throws(KuklaError) -> [String] {
            try TextReader(
                data("sci_text_classification/mag_\(part).jsonl.gz"), options: TextOptions(textColumn: name)
            ).readAll().map(\.text)
        }
        let (texts, names) = (try column("text"), try column("label"))
        // A stray header line is labelled "category".
        let rows = texts.indices.filter { names[$0] != "category" }
        let numbers = Dictionary(
            uniqueKeysWithValues: Set(rows.map { names[$0] }).sorted().enumerated().map { ($1, $0) })
        return LabelledTexts(
            name: "paper fields", texts: rows.map { texts[$0] }, labels: rows.map { numbers[names[$0]] ?? 0 })
    }
}

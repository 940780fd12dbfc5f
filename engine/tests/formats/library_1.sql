-- A document and one result as version 1 of the library stored them. Never edited: it stands for what people have.
INSERT INTO documents VALUES (1, 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', 'lease.txt', 19, 'text', 'ready', NULL, NULL, 1, 5);
INSERT INTO texts VALUES (1, 'Danish law applies.', 19, 'ab18d198d7b6fb7e0cb35a0b2609eb765f959a532f094f8cc59350f904c51bce', 0, 0, 'text', '1');
INSERT INTO runs VALUES (1, 1,
    '{"task":"fields","pack":{"id":"t","name":"T","description":"","fields":[{"name":"Law","type":"clause","description":"","many":false,"keywords":["law"]}]}}',
    '{"text_bytes":19,"text_tokens":4,"read":[{"start":0,"end":19}],"whole":true,"statement":"Read whole.","unread_pages":[]}',
    '{"model":"m","model_digest":"d","interim":true,"prompt_version":1,"seed":7,"temperature":0.0,"prompt_tokens":1,"generated_tokens":1,"cut_short":[],"read_ms":1,"answer_ms":1}',
    6);
INSERT INTO claims VALUES (1, 1, 0, 'field', 'Law', 'Danish law', NULL, 'verified', '[]', NULL, NULL, '[]');
INSERT INTO evidence VALUES (1, 'support', 0, 0, 10, 'Danish law', 'exact', 1);

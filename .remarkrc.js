// Links between documents, to files and to headings exist. `make lint` checks it.
export default {
  plugins: [['remark-validate-links', { repository: false }]],
};
